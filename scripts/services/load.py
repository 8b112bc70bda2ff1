"""A paced load on loopback that counts its operations on the pipe of LEAKLAB_PIPE.

load.py http PORT RATE · redis SOCKET RATE FORM BYTES · sqlite - RATE FORM BYTES
"""
import http.client
import json
import os
import socket
import sys
import time

kind, place, rate = sys.argv[1], sys.argv[2], float(sys.argv[3])
leaks = len(sys.argv) > 4 and sys.argv[4] == "leaking"
size = int(sys.argv[5]) if len(sys.argv) > 5 else 0
pipe = int(os.environ["LEAKLAB_PIPE"]) if "LEAKLAB_PIPE" in os.environ else None

if kind == "http":
    connection = http.client.HTTPConnection("127.0.0.1", int(place), timeout=10)
elif kind == "redis":
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
else:
    print("CREATE TABLE kept(id INTEGER PRIMARY KEY, value);", flush=True)


def operate(number):
    if kind == "http":
        connection.request("GET", "/work")
        connection.getresponse().read()
    elif kind == "redis":
        key = b"key:%d" % (number if leaks else number % 100)
        value = b"v" * size
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, size, value))
        if not connection.recv(100).startswith(b"+OK"):
            sys.exit("redis refused")
    else:
        print(f"INSERT INTO kept VALUES({number}, randomblob({size}));", flush=True)
        if not leaks:
            print(f"DELETE FROM kept WHERE id <= {number - 100};", flush=True)


number, due, told = 0, time.monotonic(), 0.0
while True:
    number += 1
    operate(number)
    now = time.monotonic()
    if pipe is not None and now - told >= 0.1:
        told = now
        os.write(pipe, (json.dumps({"ops": number}) + "\n").encode())
    due = max(due + 1 / rate, now - 1)
    if due > now:
        time.sleep(due - now)

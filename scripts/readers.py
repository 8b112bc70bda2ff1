"""Large files of each kind that `leaklab judge` reads, and what they cost it.

Called by scripts/readers. Each kind is written as the tool writes it, with times that rise and
memory that stands level; the limit is four times the file. Endless input is the same rows until
the reader has had enough, or until it has read ENDLESS_BYTES.
"""

import datetime
import os
import subprocess
import sys
import tempfile

FILE_BYTES = int(os.environ.get("READERS_BYTES", 64_000_000))
ENDLESS_BYTES = int(os.environ.get("READERS_ENDLESS", 4_000_000_000))
START_S = 1_795_233_600
# What the program and its libraries have before they read anything.
BASE_BYTES = 24 << 20
# The most that is kept of endless input: 2^26 readings of 8 bytes, and room to grow them.
MOST_BYTES = 1 << 31


def level(i):
    return 120_000_000 + (i * 7919) % 400_000


def kib(i):
    return level(i) // 4096 * 4


def stamp(i, form):
    return datetime.datetime.fromtimestamp(START_S + i, datetime.timezone.utc).strftime(form)


def of_day(i):
    return f"{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}"


def rows(head, line, tail="", between=""):
    def chunks():
        yield head
        i = 0
        while True:
            part = []
            for _ in range(2_000):
                part.append(line(i) if i == 0 or not between else between + line(i))
                i += 1
            yield "".join(part)

    return chunks, tail


T = "%Y-%m-%d %H:%M:%S"
KINDS = {
    "table": ([], *rows("time,rss_bytes\n", lambda i: f"{START_S + i},{level(i)}\n")),
    "table, quoted": ([], *rows("time,rss_bytes\n", lambda i: f'"{START_S + i}","{level(i)}"\n')),
    "table, dates": ([], *rows("time;rss_bytes\n", lambda i: f"{stamp(i, T)};{level(i)}\n")),
    "table of pods": ([], *rows("time,pod,rss_bytes\n", lambda i: f"{START_S + i // 50},shop-{i % 50},{level(i)}\n")),
    "table, 20 columns": ([], *rows("time," + ",".join(f"m{c}_bytes" for c in range(20)) + "\n", lambda i: f"{START_S + i}" + f",{level(i)}" * 20 + "\n")),
    "pairs of epoch and kB": (["--unit", "KiB"], *rows("", lambda i: f"{START_S + i} {kib(i)}\n")),
    "json lines": ([], *rows("", lambda i: f'{{"time":{START_S + i},"rss_bytes":{level(i)}}}\n')),
    "json array": ([], *rows("[", lambda i: f'{{"time":{START_S + i},"rss_bytes":{level(i)}}}', "]", ",")),
    "json rows under a name": ([], *rows('{"rows":[', lambda i: f'{{"time":{START_S + i},"rss_bytes":{level(i)}}}', "]}", ",")),
    "json pairs": ([], *rows("[", lambda i: f"[{START_S + i},{level(i)}]", "]", ",")),
    "prometheus": ([], *rows('{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"process_resident_memory_bytes"},"values":[', lambda i: f'[{START_S + i},"{level(i)}"]', "]}]}}", ",")),
    "promtool": ([], *rows("process_resident_memory_bytes{} =>\n", lambda i: f"{level(i)} @[{START_S + i}]\n")),
    "cloudwatch statistics": ([], *rows('{"Label":"mem_used","Datapoints":[', lambda i: f'{{"Timestamp":"{stamp(i, "%Y-%m-%dT%H:%M:%SZ")}","Average":{level(i)}.0,"Unit":"Bytes"}}', "]}", ",")),
    "influxdb": ([], *rows("#group,false,false,false,false,true\n#datatype,string,long,dateTime:RFC3339,long,string\n#default,_result,,,,\n,result,table,_time,_value,_field\n", lambda i: f",,0,{stamp(i, '%Y-%m-%dT%H:%M:%SZ')},{level(i)},used_bytes\n")),
    "sadf -j": ([], *rows('{"sysstat":{"hosts":[{"nodename":"vm","statistics":[', lambda i: f'{{"timestamp":{{"date":"{stamp(i, "%Y-%m-%d")}","time":"{stamp(i, "%H:%M:%S")}","utc":1}},"memory":{{"memfree":1,"memused":{kib(i)}}}}}', "]}]}}", ",")),
    "sadf -d": ([], *rows("# hostname;interval;timestamp;kbmemfree;kbmemused;%memused\n", lambda i: f"vm;1;{stamp(i, T)} UTC;17015072;{kib(i)};3.74\n")),
    "pidstat": ([], *rows("Linux 6.18 (vm) \t11/21/26 \t_x86_64_\t(2 CPU)\n\n# Time        UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command\n", lambda i: f"{START_S + i}        0      7575    582.18      0.00   19504   {kib(i)}   0.07  python3\n")),
    "sar": ([], *rows("Linux 6.18 (vm) \t11/21/26 \t_x86_64_\t(2 CPU)\n\n00:00:00    kbmemfree   kbavail kbmemused  %memused\n", lambda i: f"{of_day(i + 1)}     17014540  23360824    {kib(i)}      3.74\n")),
    "vmstat -t": (["--total", "32GiB"], *rows(" r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC\n", lambda i: f"38  0      0 {17_000_000 - kib(i)}  50584 6624416    0    0  2104  6524  435  757 72 12 16  0  0 {stamp(i, T)}\n")),
    "free": (["--every", "1s"], *rows("", lambda i: f"               total        used        free      shared  buff/cache   available\nMem:        24105000   {2_000_000 + kib(i)}    16643000           8        6517       22823\nSwap:              0           0           0\n\n")),
    "top": ([], *rows("", lambda i: f"top - {of_day(i)} up 30 min,  0 user,  load average: 1.0, 1.8, 8.3\nTasks:   1 total\n\n  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n 7575 root      20   0   17740  {kib(i)}   6596 R   0.0   0.1   0:00.04 python3\n\n")),
    "ps blocks": ([], *rows("", lambda i: f"{stamp(i, '%a %b %e %H:%M:%S UTC %Y')}\n  PID   RSS COMMAND\n 7575 {kib(i)} python3\n")),
    "smem": (["--every", "1s"], *rows("", lambda i: f"  PID User     Command                         Swap      USS      PSS      RSS \n 7765 root     python3 x                           0      104   {kib(i)}    {kib(i)} \n")),
    "/proc/PID/status": ([], *rows("", lambda i: f"{START_S + i}\nVmRSS:\t   {kib(i)} kB\n")),
    "/proc/meminfo": ([], *rows("", lambda i: f"{START_S + i}\nMemTotal:       24000000 kB\nMemAvailable:   {20_000_000 - kib(i)} kB\n")),
    "memory.stat": ([], *rows("", lambda i: f"{START_S + i}\nanon {level(i)}\nfile 10899456\nkernel 1\n")),
    "docker stats": (["--every", "1s"], *rows("", lambda i: f"CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT     MEM %     NET I/O           BLOCK I/O    PIDS\n3f2a1b0c9d8e   web       0.51%     {level(i) / 1048576:.1f}MiB / 7.6GiB     1.47%     1.2kB / 648B      0B / 0B      12\n")),
    "docker stats, json": (["--every", "1s"], *rows("", lambda i: f'{{"CPUPerc":"0.51%","Container":"web1b0c9d8e","MemPerc":"1.47%","MemUsage":"{level(i) / 1048576:.1f}MiB / 7.6GiB","Name":"web"}}\n')),
    "redis info": ([], *rows("", lambda i: f"{START_S + i}\n# Memory\nused_memory:{level(i)}\nused_memory_human:893.07K\n")),
    "kubectl top": ([], *rows("", lambda i: f"{START_S + i}\nNAMESPACE   NAME      CPU(cores)   MEMORY(bytes)   \nshop        web-7d9   12m          {level(i) >> 20}Mi           \n")),
    "jstat": ([], *rows("Timestamp           S0C         S1C         S0U         S1U          EC           EU           OC           OU          MC         MU\n", lambda i: f"            {i}.5      2176.0      2176.0         0.0      1993.3      17472.0       8395.2      43712.0      {kib(i)}.5      320.0      128.0\n")),
    "JVM, unified": ([], *rows("[0.080s][info][gc] Using G1\n", lambda i: f"[{i + 1}.467s][info][gc] GC({i}) Pause Young (Normal) (G1 Evacuation Pause) 600M->{400 + i % 7}M(900M) 1.149ms\n")),
    "JVM before 9": ([], *rows("", lambda i: f"{i + 2}.123: [GC (Allocation Failure) [PSYoungGen: 33280K->5088K(38400K)] 333280K->{kib(i)}K(425952K), 0.0067 secs]\n")),
    "node --trace-gc": ([], *rows("", lambda i: f"[7788:0x2f1b3c00]     {1016 + 1000 * i} ms: Scavenge 63.9 (64.0) -> {60 + i % 5}.7 (75.0) MB, 155.92 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure; \n")),
    "GODEBUG=gctrace=1": ([], *rows("", lambda i: f"gc {i + 1} @{i}.031s 0%: 0.029+2.9+0.006 ms clock, 0.059+0.11/0.034/0+0.012 ms cpu, 80->80->{60 + i % 3} MB, 90 MB goal, 0 MB stacks, 0 MB globals, 2 P\n")),
    "massif": ([], *rows("desc: --time-unit=ms\ncmd: ./leakc 300\ntime_unit: ms\n", lambda i: f"#-----------\nsnapshot={i}\n#-----------\ntime={1000 * i}\nmem_heap_B={level(i)}\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=empty\n")),
    "mprof": ([], *rows("CMDLINE python3 x.py\n", lambda i: f"MEM {level(i) / 1048576:.6f} {START_S + i}.2818\n")),
    "heaptrack": ([], *rows("v 10400 3\nX ../leak3\nI 1000 5e298d\ns 3 abc\na 40 1\n", lambda i: f"+ 0\nc {i:x}\n- 0\n")),
    "k6": ([], *rows("metric_name,timestamp,metric_value,check,error\n", lambda i: f"http_reqs,{START_S + i},1.000000,,\nserver_memory_bytes,{START_S + i},{level(i)}.000000,,\n")),
}


def judged(leaklab, flags, source):
    process = subprocess.Popen(
        [leaklab, "judge", source, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, process.returncode, said, usage.ru_utime + usage.ru_stime


def whole(leaklab, flags, chunks, tail, folder):
    path = os.path.join(folder, "recording")
    size = 0
    with open(path, "w") as file:
        for chunk in chunks():
            file.write(chunk)
            size += len(chunk)
            if size >= FILE_BYTES:
                break
        file.write(tail)
    peak, code, said, cpu = judged(leaklab, flags, path)
    return size, peak, code, said, cpu


def endless(leaklab, flags, chunks):
    process = subprocess.Popen(
        [leaklab, "judge", "-", *flags], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    fed = 0
    try:
        for chunk in chunks():
            fed += process.stdin.write(chunk.encode())
            if fed >= ENDLESS_BYTES:
                break
    except BrokenPipeError:
        pass
    had_enough = fed < ENDLESS_BYTES
    if not had_enough:
        process.kill()
    else:
        process.stdin.close()
    said = process.stderr.read().decode().strip().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, fed, had_enough, said[-1] if said else ""


def main():
    leaklab, *wanted = sys.argv[1:]
    with_endless = "--endless" in wanted
    wanted = [kind for kind in wanted if kind != "--endless"]
    failed = []
    print(f"{'kind':<24} {'file':>7} {'peak':>7} {'peak/file':>9} {'CPU':>6}  exit")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (flags, chunks, tail) in KINDS.items():
            if wanted and kind not in wanted:
                continue
            if with_endless:
                peak, fed, had_enough, said = endless(leaklab, flags, chunks)
                print(f"{kind:<24} {fed >> 20:>5} M {peak >> 20:>5} M  {'ended: ' + said[:90] if had_enough else 'goes on'}", flush=True)
                if peak > MOST_BYTES:
                    failed.append(kind)
                continue
            size, peak, code, said, cpu = whole(leaklab, flags, chunks, tail, folder)
            ratio = (peak - BASE_BYTES) / size
            print(f"{kind:<24} {size >> 20:>5} M {peak >> 20:>5} M {ratio:>9.2f} {cpu:>5.1f}s  {code}", flush=True)
            if code not in (0, 1, 3):
                print("   ", said.strip().splitlines()[-1][:200])
            if ratio > 4 or code not in (0, 1, 3):
                failed.append(kind)
    if failed:
        sys.exit("not within the limits: " + ", ".join(failed))


main()

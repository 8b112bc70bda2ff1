;; ASYNC-234: alts! over a long timeout and something that wins. The timer's channel keeps the handler
;; of the alternative that lost, the handler its callback, the callback the state of the go block, and
;; that the payload.
;;
;; winner=parked: the blocks wait and are then released together, so that alts! parks
;; winner=ready : the winning channel holds a value already, so that alts! never parks
;; ahead of time: clojure.core.async
(ns program
  (:require [clojure.core.async :as a]
            [clojure.string :as str]))

(def options (into {} (map #(str/split % #"=" 2)) *command-line-args*))
(def payload (Long/parseLong (get options "payload" "16384")))
(def ready? (= "ready" (get options "winner")))
(def batch 20)
(def hour 3600000)

(defn work [^bytes block]                  ; uses the payload after the wait: what makes it live across alts!
  (aset-byte block 0 1)
  (.incrementAndGet Probe/OPERATIONS))

;; Each long timeout ends 20 ms after the one before: timers that end within 10 ms share a channel.
(defn one-block [winner n]
  (a/go
    (let [block (byte-array payload)]
      (a/alts! [(a/timeout (+ hour (* 20 n))) winner])
      (work block)
      true)))

(defn winner [] (if ready? (doto (a/chan 1) (a/put! :now)) (a/chan)))

(defn turn [n]
  (let [winners (vec (repeatedly batch winner))
        blocks (mapv #(one-block %1 (+ n %2)) winners (range batch))]
    (when-not ready?
      (Thread/sleep 20)
      (run! a/close! winners))
    (run! a/<!! blocks)
    (Thread/sleep 60)))

(dotimes [n 60] (turn (* n batch)))        ; loads the classes before anything counts
(.set Probe/OPERATIONS 0)
(doseq [n (range)]                         ; told between turns, when no block is under way
  (when (zero? (mod n 4)) (Probe/tell))
  (turn (* (+ 60 n) batch)))

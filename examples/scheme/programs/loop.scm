;;; A million tail calls, between two procedures and in a loop; and far more garbage than there is memory.

(define (ping n) (if (= n 0) 'done (pong (- n 1))))
(define (pong n) (if (= n 0) 'done (ping (- n 1))))

(write (ping 1000000))
(newline)

(write
 (let loop ((i 0) (sum 0))
   (if (= i 1000000)
       sum
       (loop (+ i 1) (+ sum (remainder i 7))))))
(newline)

(define (waste times)
  (let loop ((i 0) (kept '()))
    (if (< i times)
        (loop (+ i 1) (list i i i i))
        kept)))

(write (waste 100000))
(newline)

;;; Streams: lists whose rests are promised. The primes by the sieve of Eratosthenes, and a series.

(define-syntax stream-cons
  (syntax-rules ()
    ((_ first rest) (cons first (delay rest)))))

(define stream-first car)
(define (stream-rest stream) (force (cdr stream)))

(define (stream-take n stream)
  (let loop ((n n) (stream stream) (taken '()))
    (if (= n 0)
        (reverse taken)
        (loop (- n 1) (stream-rest stream) (cons (stream-first stream) taken)))))

(define (stream-keep keep? stream)
  (let loop ((stream stream))
    (if (keep? (stream-first stream))
        (stream-cons (stream-first stream) (stream-keep keep? (stream-rest stream)))
        (loop (stream-rest stream)))))

(define (integers-from n)
  (stream-cons n (integers-from (+ n 1))))

(define (sieve stream)
  (let ((prime (stream-first stream)))
    (stream-cons
     prime
     (sieve (stream-keep (lambda (n) (not (= 0 (remainder n prime)))) (stream-rest stream))))))

(write (stream-take 15 (sieve (integers-from 2))))
(newline)

(define (partial-sums stream sum)
  (let ((sum (+ sum (stream-first stream))))
    (stream-cons sum (partial-sums (stream-rest stream) sum))))

(define (leibniz n sign)
  (stream-cons (/ sign (inexact n)) (leibniz (+ n 2) (- sign))))

(define (nth n stream)
  (if (= n 0) (stream-first stream) (nth (- n 1) (stream-rest stream))))

(display (/ (round (* 1000 4 (nth 2000 (partial-sums (leibniz 1 1) 0)))) 1000))
(newline)

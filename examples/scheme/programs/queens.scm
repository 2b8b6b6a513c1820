;;; How many ways there are to put n queens on a board of n by n, so that none attacks another.

(define (safe? row distance rows)
  (or (null? rows)
      (and (not (= (car rows) row))
           (not (= (abs (- (car rows) row)) distance))
           (safe? row (+ distance 1) (cdr rows)))))

(define (queens n)
  (let place ((column 0) (rows '()))
    (if (= column n)
        1
        (let try ((row 0) (ways 0))
          (cond ((= row n) ways)
                ((safe? row 1 rows)
                 (try (+ row 1) (+ ways (place (+ column 1) (cons row rows)))))
                (else (try (+ row 1) ways)))))))

(do ((n 1 (+ n 1)))
    ((> n 8))
  (display n)
  (display ": ")
  (display (queens n))
  (newline))

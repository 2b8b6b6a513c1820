; R7RS small, 4.1 and 4.2: expressions.
(begin (define x 28) x)
;=> 28
(quote a)
;=> a
'#(a b c)
;=> #(a b c)
''a
;=> 'a
'()
;=> ()
#\a
;=> #\a
"abc"
;=> "abc"
145932
;=> 145932
((if #f + *) 3 4)
;=> 12
((lambda (x) (+ x x)) 4)
;=> 8
(define reverse-subtract (lambda (x y) (- y x)))
(reverse-subtract 7 10)
;=> 3
(define add4 (let ((x 4)) (lambda (y) (+ x y))))
(add4 6)
;=> 10
((lambda x x) 3 4 5 6)
;=> (3 4 5 6)
((lambda (x y . z) z) 3 4 5 6)
;=> (5 6)
((lambda (x . z) z) 3)
;=> ()
(if (> 3 2) 'yes 'no)
;=> yes
(if '() 'true 'false)
;=> true
(let ((x 2)) (set! x 4) (+ x 1))
;=> 5
(cond ((> 3 2) 'greater) ((< 3 2) 'less))
;=> greater
(cond ((> 3 3) 'greater) ((< 3 3) 'less) (else 'equal))
;=> equal
(cond ((assv 'b '((a 1) (b 2))) => cadr) (else #f))
;=> 2
(cond (#f 1) (7))
;=> 7
(case (* 2 3) ((2 3 5 7) 'prime) ((1 4 6 8 9) 'composite))
;=> composite
(case (car '(c d)) ((a e i o u) 'vowel) ((w y) 'semivowel) (else => (lambda (x) (list x))))
;=> (c)
(case 'x ((x) => (lambda (y) (list y 1))) (else 0))
;=> (x 1)
(and (= 2 2) (> 2 1))
;=> #t
(and 1 2 'c '(f g))
;=> (f g)
(list (and) (or))
;=> (#t #f)
(or (memq 'b '(a b c)) (/ 3 0))
;=> (b c)
(let ((x 5)) (or #f (> x 10) (* x 2)))
;=> 10
(when (> 1 0) 'a 'b)
;=> b
(unless #f 1 2 3)
;=> 3
(let ((x 2) (y 3)) (* x y))
;=> 6
(let ((x 2) (y 3)) (let ((x 7) (z (+ x y))) (* z x)))
;=> 35
(let ((x 2) (y 3)) (let* ((x 7) (z (+ x y))) (* z x)))
;=> 70
(let* () 5)
;=> 5
(letrec ((even? (lambda (n) (if (zero? n) #t (odd? (- n 1))))) (odd? (lambda (n) (if (zero? n) #f (even? (- n 1)))))) (even? 88))
;=> #t
(letrec* ((p (lambda (x) (+ 1 (q (- x 1))))) (q (lambda (y) (if (zero? y) 0 (+ 1 (p (- y 1)))))) (x (p 5)) (y x)) y)
;=> 5
(let-values (((root rem) (exact-integer-sqrt 32))) (* root rem))
;=> 35
(let ((a 'a) (b 'b) (x 'x) (y 'y)) (let*-values (((a b) (values x y)) ((x y) (values a b))) (list a b x y)))
;=> (x y x y)
(let ((a 'a) (b 'b)) (let-values (((a b) (values b a)) ((c . d) (values a b 3))) (list a b c d)))
;=> (b a a (b 3))
(receive (a . rest) (values 1 2 3) (list a rest))
;=> (1 (2 3))
(define y 0)
(begin (set! y 5) (+ y 1))
;=> 6
(do ((vec (make-vector 5)) (i 0 (+ i 1))) ((= i 5) vec) (vector-set! vec i i))
;=> #(0 1 2 3 4)
(let ((x '(1 3 5 7 9))) (do ((x x (cdr x)) (sum 0 (+ sum (car x)))) ((null? x) sum)))
;=> 25
(let loop ((numbers '(3 -2 1 6 -5)) (nonneg '()) (neg '())) (cond ((null? numbers) (list nonneg neg)) ((>= (car numbers) 0) (loop (cdr numbers) (cons (car numbers) nonneg) neg)) (else (loop (cdr numbers) nonneg (cons (car numbers) neg)))))
;=> ((6 1 3) (-5 -2))
; A loop whose name is a value, or is called where it is no tail call, is a procedure.
(let loop ((i 3)) (if (= i 0) '() (cons i (loop (- i 1)))))
;=> (3 2 1)
(let loop ((i 0)) (if (procedure? loop) (if (< i 3) (loop (+ i 1)) i)))
;=> 3
(let loop ((i 0) (made '())) (if (< i 3) (loop (+ i 1) (cons (lambda () i) made)) (map (lambda (f) (f)) made)))
;=> (2 1 0)
(let loop ((i 0) (made '())) (if (< i 3) (loop (+ i 1) (cons (lambda () (set! i (+ i 10)) i) made)) (list ((car made)) ((car made)) ((cadr made)))))
;=> (12 22 11)
(let outer ((i 0) (all '())) (if (= i 3) (reverse all) (let inner ((j 0)) (if (< j i) (inner (+ j 1)) (outer (+ i 1) (cons (* i j) all))))))
;=> (0 1 4)
(let f ((n 5)) (define (double x) (* 2 x)) (if (= n 0) 0 (+ (double n) (f (- n 1)))))
;=> 30
(let loop ((i 0)) (let ((again (lambda () (loop (+ i 1))))) (if (< i 5) (again) i)))
;=> 5
(let loop () (set! loop 5) loop)
;=> 5
(define p (delay (begin (set! y (+ y 1)) (* y 10))))
(list (force p) (force p) y)
;=> (60 60 6)
(define integers (letrec ((next (lambda (n) (delay (cons n (next (+ n 1))))))) (next 0)))
(car (force (cdr (force (cdr (force integers))))))
;=> 2
(define (stream-loop n) (if (= n 0) (delay 'end) (delay-force (stream-loop (- n 1)))))
(force (stream-loop 5000))
;=> end
(list (promise? (make-promise 1)) (force (make-promise 1)) (force 7))
;=> (#t 1 7)
(define radix (make-parameter 10 (lambda (x) (if (and (exact-integer? x) (<= 2 x 16)) x (error "invalid radix" x)))))
(define (f n) (number->string n (radix)))
(list (f 12) (parameterize ((radix 2)) (f 12)) (f 12))
;=> ("12" "1100" "12")
(parameterize ((radix 0)) (f 12))
;!! 1:89: invalid radix 0
(define range (case-lambda ((e) (range 0 e)) ((b e) (do ((r '() (cons e r)) (e (- e 1) (- e 1))) ((< e b) r))) ((a b . more) (list a b more))))
(list (range 3) (range 3 5) (range 1 2 3 4))
;=> ((0 1 2) (3 4) (1 2 (3 4)))
`(list ,(+ 1 2) 4)
;=> (list 3 4)
(let ((name 'a)) `(list ,name ',name))
;=> (list a 'a)
`(a ,(+ 1 2) ,@(map abs '(4 -5 6)) b)
;=> (a 3 4 5 6 b)
`((foo ,(- 10 3)) ,@(cdr '(c)) . ,(car '(cons)))
;=> ((foo 7) . cons)
`#(10 5 ,(sqrt 4) ,@(map sqrt '(16 9)) 8)
;=> #(10 5 2 4 3 8)
`(a `(b ,(foo ,(+ 1 3) d) e) f)
;=> (a `(b ,(foo 4 d) e) f)
`(1 . ,(+ 1 1))
;=> (1 . 2)
(let () (define-values (a b . c) (values 1 2 3 4)) (list a b c))
;=> (1 2 (3 4))
(let ((=> #f)) (cond (#t => 'ok)))
;=> ok
(let ((if list)) (if 1 2 3))
;=> (1 2 3)
(define (list-of-it list) `(,list ,@list))
(list-of-it '(1 2))
;=> ((1 2) 1 2)

; R7RS small, 6.10: control.
(list (procedure? car) (procedure? 'car) (procedure? (lambda (x) x)) (procedure? map) (procedure? (make-parameter 1)) (call/cc procedure?))
;=> (#t #f #t #t #t #t)
(list (apply + (list 3 4)) (apply + 1 2 '(3)) (apply list '()) (apply apply (list + (list 1 2))))
;=> (7 6 () 3)
(define compose (lambda (f g) (lambda args (f (apply g args)))))
((compose sqrt *) 12 75)
;=> 30
(list (map cadr '((a b) (d e) (g h))) (map (lambda (n) (expt n n)) '(1 2 3 4 5)) (map + '(1 2 3) '(4 5 6)) (map + '(1 2) '(1 2 3)))
;=> ((b e h) (1 4 27 256 3125) (5 7 9) (2 4))
(let ((count 0)) (map (lambda (ignored) (set! count (+ count 1)) count) '(a b)))
;=> (1 2)
(let ((v '())) (for-each (lambda (x y) (set! v (cons (+ x y) v))) '(1 2) '(10 20)) v)
;=> (22 11)
(call-with-current-continuation (lambda (exit) (for-each (lambda (x) (if (negative? x) (exit x))) '(54 0 37 -3 245 19)) #t))
;=> -3
(define list-length (lambda (obj) (call/cc (lambda (return) (letrec ((r (lambda (obj) (cond ((null? obj) 0) ((pair? obj) (+ (r (cdr obj)) 1)) (else (return #f)))))) (r obj))))))
(list (list-length '(1 2 3 4)) (list-length '(a b . c)))
;=> (4 #f)
; A continuation can be entered again, any number of times.
(define k #f)
(define n 0)
(+ 100 (call/cc (lambda (c) (set! k c) 1)))
;=> 101
(begin (set! n (+ n 1)) (if (< n 3) (k n) n))
;=> 101
(define (tree->generator tree) (define caller #f) (define (loop tree) (cond ((null? tree) 'skip) ((pair? tree) (loop (car tree)) (loop (cdr tree))) (else (call/cc (lambda (rest) (set! resume (lambda () (rest 'go))) (caller tree)))))) (define resume (lambda () (loop tree) (caller 'end))) (lambda () (call/cc (lambda (k) (set! caller k) (resume)))))
(define next (tree->generator '((1 2) (3 (4)))))
(let* ((a (next)) (b (next)) (c (next)) (d (next)) (e (next))) (list a b c d e))
;=> (1 2 3 4 end)
(let ((r '())) (let ((x (map (lambda (x) (call/cc (lambda (c) (if (= x 2) (set! k c)) x))) '(1 2 3)))) (set! r (cons x r)) (if (< (length r) 3) (k (* 10 (length r)))) r))
;=> ((1 20 3) (1 10 3) (1 2 3))
(define (f) (let ((count 0) (again #f)) (call/cc (lambda (c) (set! again c))) (set! count (+ count 1)) (if (< count 5) (again #f)) count))
(f)
;=> 5
(call-with-values (lambda () (values 4 5)) (lambda (a b) b))
;=> 5
(list (call-with-values * -) (call-with-values (lambda () (values)) list) (+ 1 (values 2)))
;=> (-1 () 3)
(call-with-values (lambda () (call/cc (lambda (k) (k 1 2 3)))) list)
;=> (1 2 3)
(let ((path '()) (c #f)) (let ((add (lambda (s) (set! path (cons s path))))) (dynamic-wind (lambda () (add 'connect)) (lambda () (add (call/cc (lambda (c0) (set! c c0) 'talk1)))) (lambda () (add 'disconnect))) (if (< (length path) 4) (c 'talk2) (reverse path))))
;=> (connect talk1 disconnect connect talk2 disconnect)
(let ((log '())) (call/cc (lambda (k) (dynamic-wind (lambda () (set! log (cons 'in1 log))) (lambda () (dynamic-wind (lambda () (set! log (cons 'in2 log))) (lambda () (k 1)) (lambda () (set! log (cons 'out2 log))))) (lambda () (set! log (cons 'out1 log)))))) (reverse log))
;=> (in1 in2 out2 out1)
(let ((log '())) (guard (e (#t (set! log (cons e log)))) (dynamic-wind (lambda () (set! log (cons 'in log))) (lambda () (raise 'oops)) (lambda () (set! log (cons 'out log))))) (reverse log))
;=> (in out oops)
(define (ping n) (if (= n 0) 'done (pong (- n 1))))
(define (pong n) (if (= n 0) 'done (ping (- n 1))))
(ping 20000)
;=> done
(let loop ((i 0)) (cond ((= i 20000) i) (else (loop (+ i 1)))))
;=> 20000
(define (count-up n) (and #t (or #f (if (= n 0) 'zero (when #t (apply count-up (list (- n 1))))))))
(count-up 5000)
;=> zero
((lambda (x) x))
;!! 1:1: called with 0 arguments, which it does not take #<procedure>
(define (two a b) a)
(two 1)
;!! 1:1: called with 1 argument, which it does not take #<procedure two>
(car 1 2)
;!! 1:1: called with 2 arguments, which it does not take #<procedure car>
(5 5)
;!! 1:1: not a procedure 5
(apply + 1)
;!! 1:1: not a list 1
(apply car '(1 2))
;!! called with 2 arguments

; R7RS small, 5: programs and definitions.
(define add3 (lambda (x) (+ x 3)))
(add3 3)
;=> 6
(define first car)
(first '(1 2))
;=> 1
(define (variadic a . rest) (list a rest))
(variadic 1 2 3)
;=> (1 (2 3))
(define (all . rest) rest)
(all)
;=> ()
(define ((curried a) b) (list a b))
((curried 1) 2)
;=> (1 2)
(let ((x 5)) (define foo (lambda (y) (bar x y))) (define bar (lambda (a b) (+ (* a b) a))) (foo (+ x 3)))
;=> 45
(let () (define x 1) (define (get) x) (set! x 2) (get))
;=> 2
(define-values (x y) (exact-integer-sqrt 17))
(list x y)
;=> (4 1)
(define-values all-of-them (values 1 2))
all-of-them
;=> (1 2)
(define-record-type <pare> (kons x y) pare? (x kar set-kar!) (y kdr))
(list (pare? (kons 1 2)) (pare? (cons 1 2)) (kar (kons 1 2)) (kdr (kons 1 2)))
;=> (#t #f 1 2)
(let ((k (kons 1 2))) (set-kar! k 3) (kar k))
;=> 3
(kons 1 2)
;=> #<pare>
(kar 5)
;!! 1:1: not a record of the right type #<procedure kar> 5
(kons 1)
;!! called with 1 argument, which it does not take #<procedure kons>
(define-record-type other (make-other b) other? (a other-a) (b other-b other-b!))
(let ((o (make-other 1))) (other-b! o (list 1 2)) (list (other-a o) (other-b o) (pare? o)))
;=> (#f (1 2) #f)
(let () (define-record-type local (make-local) local?) (local? (make-local)))
;=> #t
(import (scheme base) (only (scheme write) display))
(cond-expand (no-such-thing 1) ((and r7rs (not no-such-thing) (library (scheme base))) (define chosen 2)) (else (define chosen 3)))
chosen
;=> 2
(list (cond-expand ((or no-such-thing full-unicode) 'yes)) (let () (cond-expand (else (define x 1))) x))
;=> (yes 1)
(define-syntax no-strings (syntax-rules () ((_ x) (syntax-error "do not" x))))
(no-strings 1)
;!! 1:1: do not
(define car-of car)
(define (car x) 'mine)
(list (car '(1)) (car-of '(1)))
;=> (mine 1)
(define (list . args) (vector args))
(list 1 2)
;=> #((1 2))
(eval '(+ 1 2 (* 3 4)) (interaction-environment))
;=> 15
(eval (cons 'let (cons '((a 1)) '((+ a 1)))))
;=> 2
(let ((define 5)) define)
;=> 5
(begin)
(set! never-defined 1)
;!! 1:1: set! of an unbound variable never-defined
never-defined
;!! 1:1: unbound variable never-defined
(if)
;!! 1:1: if is (if test then else)
(let ((x 1) (x 2)) x)
;!! two variables are called x
(lambda (x x) x)
;!! two parameters are called x
(lambda (x))
;!! a lambda is (lambda formals body ...)
(let ((x)) x)
;!! a binding is (name value)
(+ 1 (define z 2))
;!! a definition does not belong here
()
;!! not a form
(1 . 2)
;!! not a form
(else)
;!! else does not belong here
(let ((a b)) (define b 1) a)
;!! unbound variable b
(letrec ((a b) (b 1)) a)
;!! a variable is used before it has a value
(let () (define a (get)) (define (get) 1) a)
;!! a variable is used before it has a value
(%throw 1 2)
;!! 1:2: %throw is for the language's own use
(define (%guard) 1)
;!! %guard is for the language's own use
(set! length 5)
;!! 1:1: length belongs to the language: define it before you set it
; What the library is made of stays as it is, whatever a program calls its own.
(define (reverse x) 'mine)
(define (fold . x) 'mine)
(define (string->list x) 'mine)
(list (map not (vector->list #(1 #f))) (reduce + 0 (cons 1 (cons 2 '()))) (string-map char-upcase "abc") (reverse 1) (fold))
;=> #(((#f #t) 3 "ABC" mine mine))
(set! fold 5)
fold
;=> 5
(define if-not (lambda (c a b) (if c b a)))
(define (assert x) (list 'my x))
(assert 1)
;=> #((my 1))

; R7RS small, 4.3 and 5.4: macros.
(define-syntax swap! (syntax-rules () ((_ a b) (let ((tmp a)) (set! a b) (set! b tmp)))))
(let ((tmp 1) (other 2)) (swap! tmp other) (list tmp other))
;=> (2 1)
(let-syntax ((given-that (syntax-rules () ((_ test stmt1 stmt2 ...) (if test (begin stmt1 stmt2 ...)))))) (let ((if #t)) (given-that if (set! if 'now)) if))
;=> now
(let ((x 'outer)) (let-syntax ((m (syntax-rules () ((m) x)))) (let ((x 'inner)) (m))))
;=> outer
(letrec-syntax ((my-or (syntax-rules () ((my-or) #f) ((my-or e) e) ((my-or e1 e2 ...) (let ((temp e1)) (if temp temp (my-or e2 ...))))))) (let ((x #f) (y 7) (temp 8) (let odd?) (if even?)) (my-or x (let temp) (if y) y)))
;=> 7
(define-syntax be-like-begin (syntax-rules () ((be-like-begin name) (define-syntax name (syntax-rules () ((name expr (... ...)) (begin expr (... ...))))))))
(be-like-begin sequence)
(sequence 1 2 3 4)
;=> 4
(define-syntax my-let (syntax-rules () ((_ ((name value) ...) body1 body2 ...) ((lambda (name ...) body1 body2 ...) value ...))))
(my-let ((a 1) (b 2)) (+ a b))
;=> 3
(define-syntax flat (syntax-rules () ((_ (a b ...) ...) '(a ... (b ... ) ...))))
(flat (1 2 3) (4) (5 6))
;=> (1 4 5 (2 3) () (6))
(define-syntax tail-pattern (syntax-rules () ((_ a ... b c) '((a ...) b c))))
(tail-pattern 1 2 3 4)
;=> ((1 2) 3 4)
(define-syntax dotted (syntax-rules () ((_ a . b) '(a b))))
(dotted 1 2 3)
;=> (1 (2 3))
(define-syntax vec (syntax-rules () ((_ #(a b ...)) (list a '(b ...)))))
(vec #(1 2 3))
;=> (1 (2 3))
(define-syntax for (syntax-rules (in) ((_ x in list body ...) (for-each (lambda (x) body ...) list)) ((_ x other list body ...) 'no)))
(let ((sum 0)) (for n in '(1 2 3) (set! sum (+ sum n))) sum)
;=> 6
(for n of '(1 2) n)
;=> no
(let ((in 1)) (for n in '(1) n))
;=> no
(define-syntax while (syntax-rules () ((_ test body ...) (let loop () (if test (begin body ... (loop)) 'end)))))
(let ((i 0) (loop 5)) (while (< i 3) (set! i (+ i 1))) (list i loop))
;=> (3 5)
(define-syntax my-if (syntax-rules () ((_ c t e) (cond (c t) (else e)))))
(let ((else #f)) (my-if #f 1 2))
;=> 2
(define-syntax under (syntax-rules () ((_ _ x) x)))
(under 1 2)
;=> 2
(define-syntax elli (syntax-rules ::: () ((_ a :::) '(a ::: ...))))
(elli 1 2)
;=> (1 2 ...)
(define-syntax def2 (syntax-rules () ((_ a b v) (begin (define a v) (define b v)))))
(let () (def2 p q 3) (+ p q))
;=> 6
(def2 gp gq 4)
(* gp gq)
;=> 16
(define-syntax get-local (syntax-rules () ((_ name) (let () (define hidden 1) (define name 2) (list hidden name)))))
(get-local hidden)
;=> (1 2)
(let () (define-syntax ten (syntax-rules () ((_) 10))) (define x (ten)) x)
;=> 10
(define-syntax kw (syntax-rules () ((_ (quote x)) 'quoted) ((_ x) 'plain)))
(list (kw 'a) (kw a))
;=> (quoted plain)
(swap! 1)
;!! 1:1: no pattern of swap! is like this
(define-syntax bad 5)
;!! a macro is (syntax-rules
(define-syntax forever (syntax-rules () ((_ x) (forever x))))
(forever 1)
;!! a macro without end
(define-syntax deeper (syntax-rules () ((_ x) (+ 1 (deeper x)))))
(deeper 1)
;!! a macro without end

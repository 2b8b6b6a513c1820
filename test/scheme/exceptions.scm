; R7RS small, 6.11: exceptions.
(call/cc (lambda (k) (with-exception-handler (lambda (e) (k (list 'condition e))) (lambda () (+ 1 (raise 'an-error))))))
;=> (condition an-error)
(with-exception-handler (lambda (e) 42) (lambda () (+ (raise-continuable 'c) 23)))
;=> 65
(with-exception-handler (lambda (e) 'ignored) (lambda () (+ 1 (raise 'oops))))
;!! 1:63: an exception handler has returned from raise oops
(guard (e ((symbol? e) (list 'symbol e)) ((string? e) (list 'string e))) (raise 'boom))
;=> (symbol boom)
(guard (e ((assq 'a e) => cdr) ((assq 'b e))) (raise (list (cons 'a 42))))
;=> 42
(guard (e ((assq 'a e) => cdr) ((assq 'b e))) (raise (list (cons 'b 23))))
;=> (b . 23)
(guard (e (#f 'never)) 'fine)
;=> fine
(guard (e ((string? e) 'outer)) (guard (e ((number? e) 'inner)) (raise "text")))
;=> outer
(guard (e (else (list 'again e))) (guard (e ((number? e) (raise (+ e 1)))) (raise 1)))
;=> (again 2)
(guard (e (#t (list (error-object? e) (error-object-message e) (error-object-irritants e)))) (error "message" 1 'two "three"))
;=> (#t "message" (1 two "three"))
(guard (e (#t (error-object-message e))) (vector-ref (vector 1 2) 9))
;=> "out of range"
(guard (e ((error-object? e) (error-object-place e))) (+ 1
  (car 5)))
;=> "2:3"
(with-exception-handler (lambda (e) (raise-continuable (list 'outer e))) (lambda () 1))
;=> 1
(with-exception-handler (lambda (e) (list 'outer e)) (lambda () (with-exception-handler (lambda (e) (raise-continuable (list 'inner e))) (lambda () (raise-continuable 'x)))))
;=> (outer (inner x))
(define (safe-divide a b) (call/cc (lambda (k) (with-exception-handler (lambda (e) (k 'failed)) (lambda () (/ a b))))))
(list (safe-divide 1 2) (safe-divide 1 0))
;=> (0.5 failed)
(let loop ((i 0) (caught 0)) (if (= i 200) caught (loop (+ i 1) (guard (e (#t (+ caught 1))) (raise i)))))
;=> 200
(guard (e (#t (list 'cleaned e))) (parameterize () (raise 1)))
;=> (cleaned 1)
(define p (make-parameter 1))
(list (guard (e (#t (p))) (parameterize ((p 2)) (raise 'x))) (p))
;=> (1 1)
(list (read-error? (guard (e (#t e)) (read (open-input-string "(1 2")))) (file-error? 5) (error-object? 5))
;=> (#t #f #f)
(raise 'unhandled)
;!! raised: unhandled
(raise (list 1 "a"))
;!! raised: (1 "a")
(error "text" '(a b) "c" #\d)
;!! 1:1: text (a b) "c" #\d
(error 'who "message" 1)
;!! 1:1: who "message" 1
(assert (= 1 2))
;!! 1:1: assertion failed (= 1 2)
(define (inner x)
  (car x))
(define (outer x)
  (+ 1 (inner x)))
(outer 5)
;!! 2:3: not a pair 5
(define (deep n) (+ 1 (deep n)))
(deep 1)
;!! 1:23: stack overflow
(guard (e ((error-object? e) (error-object-message e))) (deep 1))
;=> "stack overflow"
(call/cc (lambda (k) (with-exception-handler (lambda (e) (k 'handled)) (lambda () (deep 1)))))
;=> handled
(define (deep-list n) (cons n (deep-list n)))
(guard (e (#t 'caught)) (deep-list 1))
;=> caught
(guard (e (#t (error-object-message e))) (apply + (make-list 1000 1)))
;~> 1000|"stack overflow"
(guard (e (#t (list 'a (guard (e (#t 'b)) (deep 1))))) (deep 1))
;=> (a b)
(+ 1 2)
;=> 3

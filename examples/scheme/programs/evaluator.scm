;;; An evaluator for a part of the language, in the language: environments are lists of frames, a frame is a list of
;;; pairs of name and value.

(define-record-type procedure
  (make-procedure parameters body environment)
  compound?
  (parameters parameters-of)
  (body body-of)
  (environment environment-of))

(define (look-up name environment)
  (if (null? environment)
      (error "no such variable" name)
      (let ((entry (assq name (car environment))))
        (if entry (cdr entry) (look-up name (cdr environment))))))

(define (evaluate expression environment)
  (cond ((symbol? expression) (look-up expression environment))
        ((not (pair? expression)) expression)
        (else
         (case (car expression)
           ((quote) (cadr expression))
           ((if)
            (if (evaluate (cadr expression) environment)
                (evaluate (caddr expression) environment)
                (evaluate (cadddr expression) environment)))
           ((lambda)
            (make-procedure (cadr expression) (caddr expression) environment))
           ((letrec) (evaluate-letrec (cadr expression) (caddr expression) environment))
           (else
            (let ((values (map (lambda (one) (evaluate one environment)) expression)))
              (call (car values) (cdr values))))))))

(define (evaluate-letrec bindings body environment)
  (let* ((frame (map (lambda (binding) (cons (car binding) #f)) bindings))
         (inner (cons frame environment)))
    (for-each
     (lambda (entry binding) (set-cdr! entry (evaluate (cadr binding) inner)))
     frame
     bindings)
    (evaluate body inner)))

(define (call procedure arguments)
  (if (compound? procedure)
      (evaluate (body-of procedure)
                (cons (map cons (parameters-of procedure) arguments)
                      (environment-of procedure)))
      (apply procedure arguments)))

(define globals
  (list (list (cons '+ +) (cons '- -) (cons '* *) (cons '< <) (cons '= =)
              (cons 'cons cons) (cons 'list list))))

(define (show expression)
  (write (evaluate expression globals))
  (newline))

(show '((lambda (x y) (+ x (* 2 y))) 3 4))
(show '(letrec ((factorial (lambda (n) (if (= n 0) 1 (* n (factorial (- n 1)))))))
         (factorial 10)))
(show '(letrec ((fibonacci (lambda (n) (if (< n 2) n (+ (fibonacci (- n 1)) (fibonacci (- n 2)))))))
         (list (fibonacci 10) (fibonacci 15))))
(show '(letrec ((even? (lambda (n) (if (= n 0) #t (odd? (- n 1)))))
                (odd? (lambda (n) (if (= n 0) #f (even? (- n 1))))))
         (even? 100)))
(show (guard (e ((error-object? e) (list 'quote (cons (error-object-message e) (error-object-irritants e)))))
        (evaluate '(+ 1 nowhere) globals)))

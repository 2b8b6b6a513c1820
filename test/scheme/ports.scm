; R7RS small, 6.13: input and output, on strings.
(let ((p (open-input-string "hello (a . b) \"x\" 12 #(1)"))) (let* ((a (read p)) (b (read p)) (c (read p)) (d (read p)) (e (read p)) (f (read p))) (list a b c d e (eof-object? f))))
;=> (hello (a . b) "x" 12 #(1) #t)
(let ((p (open-input-string "aλ\nline 2\n\nend"))) (let* ((a (read-char p)) (b (peek-char p)) (c (read-char p)) (d (read-char p)) (e (read-line p)) (f (read-line p)) (g (read-line p)) (h (read-line p))) (list a b c d e f g (eof-object? h))))
;=> (#\a #\λ #\λ #\newline "line 2" "" "end" #t)
(let ((p (open-input-string "abcdef"))) (list (read-string 4 p) (read-string 4 p) (eof-object? (read-string 4 p)) (eof-object? (read-char p))))
;=> ("abcd" "ef" #t #t)
(let ((p (open-output-string))) (write 'piece p) (write-char #\space p) (display "by λ" p) (write "q" p) (newline p) (write-string "abcdef" p 2 4) (get-output-string p))
;=> "piece by λ\"q\"\ncd"
(call-with-output-string (lambda (p) (do ((i 0 (+ i 1))) ((= i 30)) (write i p))))
;=> "01234567891011121314151617181920212223242526272829"
(with-output-to-string (lambda () (display "to ") (write "string")))
;=> "to \"string\""
(let ((p (open-output-string))) (parameterize ((current-output-port p)) (display '(1 "a" #\b))) (get-output-string p))
;=> "(1 a b)"
(call-with-output-string (lambda (p) (display '("a" (#\b) |c d|) p) (write '("a" (#\b) |c d|) p)))
;=> "(a (b) c d)(\"a\" (#\\b) |c d|)"
(let ((x (list 1 2 3))) (set-cdr! (cddr x) x) x)
;=> #0=(1 2 3 . #0#)
(let ((v (vector 1 2))) (vector-set! v 1 v) v)
;=> #0=#(1 #0#)
(let ((x (list 'a))) (list x x))
;=> ((a) (a))
(let ((x '())) (do ((i 0 (+ i 1))) ((= i 500)) (set! x (list x))) (string-length (call-with-output-string (lambda (p) (write x p)))))
;=> 1002
(list (input-port? (open-input-string "")) (output-port? (open-input-string "")) (port? (open-output-string)) (port? 1) (textual-port? (open-output-string)) (eof-object))
;=> (#t #f #t #f #t #<eof>)
(call-with-port (open-input-string "5") read)
;=> 5
(let ((p (open-input-string "x"))) (close-port p) (read-char p))
;!! not a port that can be read #<port>
(write 1 (open-input-string ""))
;!! not a port that can be written to #<port>
(read (open-input-string ")"))
;!! read: 1:1: ')' without '('
(read (open-input-string "#<foo>"))
;!! read: 1:1: '#<foo>' is nothing that can be read
'(1 #;(hidden) 2 #| block #| nested |# |# 3) ; comment
;=> (1 2 3)
(list 'a ; in the middle
  'b)
;=> (a b)
(display "printed")
;=>

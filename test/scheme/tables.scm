; Hash tables: the library's dictionaries.
(define t (make-hash-table))
(begin (hash-table-set! t 'a 1) (hash-table-set! t "b" 2) (hash-table-set! t '(c d) 3) (hash-table-set! t #\e 4) (hash-table-set! t 1.5 5))
(list (hash-table-ref/default t 'a 0) (hash-table-ref t (string #\b)) (hash-table-ref t (list 'c 'd)) (hash-table-ref t #\e) (hash-table-ref t 1.5) (hash-table-ref/default t 'z 'none))
;=> (1 2 3 4 5 none)
(hash-table->alist t)
;=> ((a . 1) ("b" . 2) ((c d) . 3) (#\e . 4) (1.5 . 5))
(begin (hash-table-set! t "b" 20) (hash-table-delete! t 'a) (hash-table-delete! t '(c d)) (hash-table-delete! t 'never) (hash-table->alist t))
;=> (("b" . 20) (#\e . 4) (1.5 . 5))
(list (hash-table-count t) (hash-table-contains? t "b") (hash-table-exists? t 'a) (hash-table? t) (hash-table? '()))
;=> (3 #t #f #t #f)
(begin (hash-table-update! t "b" (lambda (x) (+ x 1))) (hash-table-update! t 'new (lambda (x) (* x 2)) (lambda () 5)) (hash-table-update!/default t 'n (lambda (x) (+ x 1)) 0) (list (hash-table-ref t "b") (hash-table-ref t 'new) (hash-table-ref t 'n)))
;=> (21 10 1)
(list (hash-table-keys t) (hash-table-values t))
;=> (("b" #\e 1.5 new n) (21 4 5 10 1))
(let ((sum 0)) (hash-table-walk t (lambda (k v) (set! sum (+ sum v)))) sum)
;=> 41
(let ((c (hash-table-copy t))) (hash-table-clear! t) (list (hash-table-count t) (hash-table-count c) (hash-table-ref c "b")))
;=> (0 5 21)
(let ((t (make-eqv-hash-table)) (s "key")) (hash-table-set! t s 1) (hash-table-set! t 5 2) (list (hash-table-ref/default t s 0) (hash-table-ref/default t "key" 0) (hash-table-ref/default t 5 0)))
;=> (1 0 2)
(let ((t (make-eqv-hash-table))) (do ((i 0 (+ i 1))) ((= i 200)) (hash-table-set! t i (* i i))) (do ((i 0 (+ i 2))) ((= i 200)) (hash-table-delete! t i)) (list (hash-table-count t) (hash-table-ref/default t 99 #f) (hash-table-ref/default t 100 #f)))
;=> (100 9801 #f)
(let ((t (make-eqv-hash-table)) (keys (map list (iota 30)))) (for-each (lambda (k) (hash-table-set! t k (car k))) keys) (collect-garbage) (equal? (map (lambda (k) (hash-table-ref t k)) keys) (iota 30)))
;=> #t
(hash-table-ref (alist->hash-table '((a . 1) (b . 2) (a . 3))) 'a)
;=> 1
(let ((t (make-hash-table)) (key "abc")) (hash-table-set! t "abc" 1) (hash-table-set! t 'abc 2) (list (hash-table-ref t "abc") (hash-table-ref t 'abc)))
;=> (1 2)
(hash-table-ref (make-hash-table) 'missing)
;!! 1:1: no such key in the hash table missing
(hash-table-ref (make-hash-table) 'missing (lambda () 'other))
;=> other
(hash-table-set! 5 1 2)
;!! 1:1: not a hash table 5

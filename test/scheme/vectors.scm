; R7RS small, 6.8 and 6.9: vectors and bytevectors.
(list (vector? #(1)) (vector? '(1)) (make-vector 2 'x) (vector 'a 'b) (vector) (vector-length #(1 2 3)) (vector-ref #(1 1 2 3 5 8) 5))
;=> (#t #f #(x x) #(a b) #() 3 8)
(let ((vec (vector 0 '(2 2 2 2) "Anna"))) (vector-set! vec 1 '("Sue" "Sue")) vec)
;=> #(0 ("Sue" "Sue") "Anna")
(list (vector->list #(a b c)) (vector->list #(a b c) 1) (vector->list #(a b c) 1 2) (list->vector '(1 2)))
;=> ((a b c) (b c) (b) #(1 2))
(let* ((a #(1 8 2 8)) (b (vector-copy a))) (vector-set! b 0 3) (list a b (vector-copy b 1 3)))
;=> (#(1 8 2 8) #(3 8 2 8) #(8 2))
(let ((a (vector 1 2 3 4 5)) (b (vector 10 20 30 40 50))) (vector-copy! b 1 a 0 2) (vector-copy! a 1 a 0 4) (vector-copy! a 0 a 2) (list a b))
;=> (#(2 3 4 3 4) #(10 1 2 40 50))
(list (vector-append #(a b c) #(d e f)) (vector-append) (let ((a (vector 1 2 3 4 5))) (vector-fill! a 'x 2 4) a))
;=> (#(a b c d e f) #() #(1 2 x x 5))
(list (vector-map cadr '#((a b) (d e) (g h))) (vector-map + #(1 2) #(10 20 30)))
;=> (#(b e h) #(11 22))
(let ((v (make-vector 5))) (for-each (lambda (i) (vector-set! v i (* i i))) '(0 1 2 3 4)) v)
;=> #(0 1 4 9 16)
(let ((sum 0)) (vector-for-each (lambda (x) (set! sum (+ sum x))) #(1 2 3)) sum)
;=> 6
(let ((big (make-vector 3000 0))) (vector-set! big 2999 (list 1 2)) (collect-garbage) (list (vector-length big) (vector-ref big 2999) (vector-ref big 5)))
;=> (3000 (1 2) 0)
(list (bytevector? #u8(1)) (make-bytevector 2 12) (bytevector 1 3 5) (bytevector) (bytevector-u8-ref #u8(1 1 2 3 5 8) 5) (bytevector-length #u8(1 2)))
;=> (#t #u8(12 12) #u8(1 3 5) #u8() 8 2)
(let ((bv (bytevector 1 2 3 4))) (bytevector-u8-set! bv 1 3) (list bv (bytevector-copy bv 2 4) (bytevector-append bv #u8(9)) ))
;=> (#u8(1 3 3 4) #u8(3 4) #u8(1 3 3 4 9))
(let ((a (bytevector 1 2 3 4 5)) (b (bytevector 10 20 30 40 50))) (bytevector-copy! b 1 a 0 2) b)
;=> #u8(10 1 2 40 50)
(vector-ref #(1 2) 2)
;!! 1:1: out of range 2
(vector-ref '(1) 0)
;!! 1:1: not a vector (1)
(vector-set! (vector 1) 1.0 0)
;!! 1:1: not an exact integer 1.0
(bytevector-u8-set! (bytevector 1) 0 256)
;!! 1:1: not a byte 256
(make-vector -1)
;!! 1:1: out of range -1
(vector-copy! (vector 1 2) 1 #(1 2 3))
;!! does not fit the vector 1

; R7RS small, 6.6 and 6.7: characters and strings.
(list #\a #\space #\newline #\( #\x41 #\nul #\null #\λ #\x3bb #\tab #\delete #\x)
;!! no character is called 'nul'
(list #\a #\space #\newline #\( #\x41 #\null #\λ #\x3bb #\tab #\delete #\x)
;=> (#\a #\space #\newline #\( #\A #\null #\λ #\λ #\tab #\delete #\x)
(list (char->integer #\A) (integer->char 955) (char? #\a) (char? "a") (char<? #\a #\b #\c) (char-ci=? #\a #\A) (char>=? #\b #\a #\a))
;=> (65 #\λ #t #f #t #t #t)
(list (char-upcase #\i) (char-downcase #\Ä) (char-upcase #\ß) (char-foldcase #\Σ) (char-alphabetic? #\λ) (char-numeric? #\٣) (char-whitespace? #\space) (char-upper-case? #\A) (char-lower-case? #\A))
;=> (#\I #\ä #\ß #\σ #t #t #t #t #f)
(list (digit-value #\3) (digit-value #\x0664) (digit-value #\x0AE6) (digit-value #\x0EA6))
;=> (3 4 0 #f)
(list "a\nb" "tab\there" "quote\"s" "back\\slash" "\x41;\x3bb;" "one \
   line")
;=> ("a\nb" "tab\there" "quote\"s" "back\\slash" "Aλ" "one line")
(list (string? "a") (string? 'a) (make-string 3 #\x) (string #\a #\b) (string) (string-length "abc") (string-length "") (string-length "λ𝄞x"))
;=> (#t #f "xxx" "ab" "" 3 0 3)
(list (string-ref "abc" 1) (string-ref "λ𝄞x" 1) (string-ref "λ𝄞x" 2))
;=> (#\b #\𝄞 #\x)
(let ((s (make-string 3 #\*))) (string-set! s 0 #\?) (string-set! s 2 #\𝄞) (string-set! s 1 #\λ) (string-set! s 2 #\x) s)
;=> "?λx"
(list (string=? "a" "a" "a") (string=? "a" "b") (string<? "abc" "abd") (string<? "ab" "abc") (string>? "b" "a") (string<=? "a" "a") (string-ci=? "AbC" "aBc") (string<? "\xffff;" "𝄞"))
;=> (#t #f #t #t #t #t #t #t)
(list (string-upcase "abß") (string-downcase "ÄB") (string-foldcase "Straße"))
;=> ("ABSS" "äb" "strasse")
(list (substring "hello" 1 3) (string-append "foo" "bar" "λ") (string-append) (string-copy "hello") (string-copy "hello" 2) (string-copy "aλb" 1 2))
;=> ("el" "foobarλ" "" "hello" "llo" "λ")
(list (string->list "abc") (string->list "abc" 1) (string->list "abc" 1 2) (list->string '(#\a #\λ)) (string->vector "abc") (vector->string #(#\x #\y #\z) 1))
;=> ((#\a #\b #\c) (#\b #\c) (#\b) "aλ" #(#\a #\b #\c) "yz")
(let ((a "12345") (b (string-copy "abcde"))) (string-copy! b 1 a 0 2) b)
;=> "a12de"
(let ((s (string-copy "abcde"))) (string-copy! s 1 s 0 3) s)
;=> "aabce"
(let ((s (make-string 4 #\a))) (string-fill! s #\b 1 3) s)
;=> "abba"
(list (string-map char-upcase "abc") (string-map (lambda (c k) ((if (eqv? k #\u) char-upcase char-downcase) c)) "studlycaps xxx" "ululululul"))
;=> ("ABC" "StUdLyCaPs")
(let ((v '())) (string-for-each (lambda (c) (set! v (cons (char->integer c) v))) "abc") v)
;=> (99 98 97)
(list (string->utf8 "Aλ") (utf8->string #u8(65 206 187)) (utf8->string #u8(65 66 67) 1 2) (string-search "hello" "l") (string-search "hello" "z") (string-join '("a" "b") "-"))
;=> (#u8(65 206 187) "Aλ" "B" 2 #f "a-b")
(let ((s (string-append "a" "b"))) (eq? s (string-copy s)))
;=> #f
(string-ref "abc" 3)
;!! 1:1: out of range 3
(string-ref "abc" -1)
;!! 1:1: out of range -1
(string-append "a" 'b)
;!! 1:1: not a string b
(substring "hello" 3 2)
;!! the start is behind the end 3 2
(integer->char 55296)
;!! not the number of a character 55296
(string-set! (make-string 1 #\a) 0 "b")
;!! 1:1: not a character "b"
"abc
;!! 1:1: a string is not closed

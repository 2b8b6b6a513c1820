;;; The words of a text, with how often each is there: hash tables, string ports, sorting.

(define text
  "the heap is a heap of blocks, and a block is a block of words;
   a word is a number or the address of a block")

(define (read-word port)
  (let loop ((letters '()))
    (let ((next (peek-char port)))
      (cond ((and (not (eof-object? next)) (char-alphabetic? next))
             (loop (cons (char-downcase (read-char port)) letters)))
            ((pair? letters) (list->string (reverse letters)))
            ((eof-object? next) next)
            (else (read-char port) (loop '()))))))

(define (count-words text)
  (let ((port (open-input-string text))
        (counts (make-equal-hash-table)))
    (let loop ((word (read-word port)))
      (cond ((eof-object? word) counts)
            (else
             (hash-table-update!/default counts word (lambda (n) (+ n 1)) 0)
             (loop (read-word port)))))))

(define (more? one other)
  (or (> (cdr one) (cdr other))
      (and (= (cdr one) (cdr other))
           (string<? (car one) (car other)))))

(for-each
 (lambda (entry)
   (display (cdr entry))
   (display " ")
   (display (car entry))
   (newline))
 (sort (hash-table->alist (count-words text)) more?))

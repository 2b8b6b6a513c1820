/**
 * Procedures of the language that are written in it: those that call others, so that a continuation caught in one holds
 * all there is. Each is compiled when a program first uses it; until then it costs the heap nothing.
 */

const TEXT = `
(define (call-with-values producer consumer)
  (apply consumer (%values->list (producer))))

(define (dynamic-wind before thunk after)
  (before)
  (%winders (cons (cons before after) (%winders)))
  (let ((result (thunk)))
    (%winders (cdr (%winders)))
    (after)
    result))

(define (%rewind target)
  (let ((here (%winders)))
    (if (not (eq? here target))
        (if (> (length here) (length target))
            (begin
              (%winders (cdr here))
              ((cdr (car here)))
              (%rewind target))
            (begin
              (%rewind (cdr target))
              ((car (car target)))
              (%winders target))))))

(define (%continue continuation value)
  (%rewind (%continuation-winders continuation))
  (%resume continuation value))

(define (raise object)
  (let ((handlers (%handlers)))
    (if (null? handlers)
        (%unhandled object)
        (let ((handler (car handlers)))
          (if (pair? handler)
              (begin
                (%handlers (cdr handlers))
                (%rewind (car (cdr handler)))
                (%throw object handler))
              (begin
                (%handlers (cdr handlers))
                (handler object)
                (%handlers (cdr handlers))
                (error "an exception handler has returned from raise" object)))))))

(define (raise-continuable object)
  (let ((handlers (%handlers)))
    (if (or (null? handlers) (pair? (car handlers)))
        (raise object)
        (begin
          (%handlers (cdr handlers))
          (let ((result ((car handlers) object)))
            (%handlers handlers)
            result)))))

(define (with-exception-handler handler thunk)
  (if (not (procedure? handler)) (error "not a procedure" handler))
  (let ((handlers (%handlers)))
    (%handlers (cons handler handlers))
    (let ((result (thunk)))
      (%handlers handlers)
      result)))

(define (%guard thunk handler)
  (let ((handlers (%handlers)))
    (%handlers (cons (%mark handler) handlers))
    (let ((result (thunk)))
      (%handlers handlers)
      result)))

(define (make-parameter value . converter)
  (if (null? converter)
      (%parameter value #f)
      (%parameter ((car converter) value) (car converter))))

(define (%parameterize bindings thunk)
  (let ((values
         (map (lambda (binding)
                (let ((converter (%parameter-converter (car binding))))
                  (if converter (converter (cdr binding)) (cdr binding))))
              bindings)))
    (define (swap)
      (let loop ((bindings bindings) (values values))
        (if (pair? bindings)
            (let ((old (%parameter-value (car (car bindings)))))
              (%parameter-set! (car (car bindings)) (car values))
              (set-car! values old)
              (loop (cdr bindings) (cdr values))))))
    (dynamic-wind swap thunk swap)))

(define (make-promise value)
  (if (promise? value) value (%promise #t value)))

(define (force promise)
  (cond ((not (promise? promise)) promise)
        ((%promise-done? promise) (%promise-value promise))
        (else
         (let ((other ((%promise-value promise))))
           (if (not (%promise-done? promise)) (%promise-join! promise other))
           (force promise)))))

(define (%all-pairs? lists)
  (or (null? lists) (and (pair? (car lists)) (%all-pairs? (cdr lists)))))

(define (map f list . lists)
  (if (null? lists)
      (let loop ((list list) (made '()))
        (if (pair? list)
            (loop (cdr list) (cons (f (car list)) made))
            (reverse made)))
      (let loop ((lists (cons list lists)) (made '()))
        (if (%all-pairs? lists)
            (loop (map cdr lists) (cons (apply f (map car lists)) made))
            (reverse made)))))

(define (for-each f list . lists)
  (if (null? lists)
      (let loop ((list list))
        (if (pair? list)
            (begin (f (car list)) (loop (cdr list)))))
      (let loop ((lists (cons list lists)))
        (if (%all-pairs? lists)
            (begin (apply f (map car lists)) (loop (map cdr lists)))))))

(define (append-map f . lists)
  (apply append (apply map f lists)))

(define (filter keep? list)
  (let loop ((list list) (made '()))
    (if (pair? list)
        (loop (cdr list) (if (keep? (car list)) (cons (car list) made) made))
        (reverse made))))

(define (remove drop? list)
  (filter (lambda (item) (not (drop? item))) list))

(define (delete item list)
  (filter (lambda (other) (not (equal? item other))) list))

(define (fold-left f value list)
  (let loop ((value value) (list list))
    (if (pair? list) (loop (f value (car list)) (cdr list)) value)))

(define (fold-right f value list)
  (let loop ((value value) (list (reverse list)))
    (if (pair? list) (loop (f (car list) value) (cdr list)) value)))

(define (fold f value list)
  (let loop ((value value) (list list))
    (if (pair? list) (loop (f (car list) value) (cdr list)) value)))

(define (reduce f value list)
  (if (pair? list) (fold f (car list) (cdr list)) value))

(define (iota count . more)
  (let ((start (if (pair? more) (car more) 0))
        (step (if (and (pair? more) (pair? (cdr more))) (car (cdr more)) 1)))
    (let loop ((i (- count 1)) (made '()))
      (if (< i 0) made (loop (- i 1) (cons (+ start (* i step)) made))))))

(define (list-index is? list)
  (let loop ((list list) (i 0))
    (cond ((not (pair? list)) #f)
          ((is? (car list)) i)
          (else (loop (cdr list) (+ i 1))))))

(define (find is? list)
  (let loop ((list list))
    (cond ((not (pair? list)) #f)
          ((is? (car list)) (car list))
          (else (loop (cdr list))))))

(define (any is? list)
  (and (pair? list) (or (is? (car list)) (any is? (cdr list)))))

(define (every is? list)
  (or (not (pair? list))
      (if (pair? (cdr list))
          (and (is? (car list)) (every is? (cdr list)))
          (is? (car list)))))

(define (member item list . same)
  (if (null? same)
      (%member item list)
      (let loop ((list list))
        (cond ((not (pair? list)) #f)
              (((car same) item (car list)) list)
              (else (loop (cdr list)))))))

(define (assoc key list . same)
  (if (null? same)
      (%assoc key list)
      (let loop ((list list))
        (cond ((not (pair? list)) #f)
              (((car same) key (car (car list))) (car list))
              (else (loop (cdr list)))))))

(define (%merge one other before?)
  (let loop ((one one) (other other) (made '()))
    (cond ((null? one) (append (reverse made) other))
          ((null? other) (append (reverse made) one))
          ((before? (car other) (car one)) (loop one (cdr other) (cons (car other) made)))
          (else (loop (cdr one) other (cons (car one) made))))))

(define (list-sort before? list)
  (let sort ((list list) (count (length list)))
    (if (< count 2)
        (if (= count 0) '() (cons (car list) '()))
        (let ((half (quotient count 2)))
          (%merge (sort list half) (sort (list-tail list half) (- count half)) before?)))))

(define (sort items before?)
  (cond ((procedure? items) (sort before? items))
        ((vector? items) (list->vector (list-sort before? (vector->list items))))
        (else (list-sort before? items))))

(define (vector-map f . vectors)
  (list->vector (apply map f (map vector->list vectors))))

(define (vector-for-each f vector . vectors)
  (if (null? vectors)
      (let ((length (vector-length vector)))
        (let loop ((i 0))
          (if (< i length)
              (begin (f (vector-ref vector i)) (loop (+ i 1))))))
      (apply for-each f (map vector->list (cons vector vectors)))))

(define (string-map f . strings)
  (list->string (apply map f (map string->list strings))))

(define (string-for-each f . strings)
  (apply for-each f (map string->list strings)))

(define (string-count string is?)
  (let loop ((characters (string->list string)) (count 0))
    (if (pair? characters)
        (loop (cdr characters) (if (is? (car characters)) (+ count 1) count))
        count)))

(define (string-join strings . between)
  (let ((between (if (pair? between) (car between) " ")))
    (if (null? strings)
        ""
        (let loop ((strings (cdr strings)) (made (cons (car strings) '())))
          (if (pair? strings)
              (loop (cdr strings) (cons (car strings) (cons between made)))
              (apply string-append (reverse made)))))))

(define (call-with-port port f)
  (let ((result (f port)))
    (close-port port)
    result))

(define (call-with-output-string f)
  (let ((port (open-output-string)))
    (f port)
    (get-output-string port)))

(define (with-output-to-string thunk)
  (let ((port (open-output-string)))
    (%parameterize (list (cons current-output-port port)) thunk)
    (get-output-string port)))

(define (hash-table-ref table key . more)
  (let ((value (hash-table-ref/default table key (eof-object))))
    (cond ((not (eof-object? value))
           (if (and (pair? more) (pair? (cdr more))) ((car (cdr more)) value) value))
          ((pair? more) ((car more)))
          (else (error "no such key in the hash table" key)))))

(define (hash-table-update! table key f . default)
  (hash-table-set! table key (f (apply hash-table-ref table key default))))

(define (hash-table-update!/default table key f default)
  (hash-table-set! table key (f (hash-table-ref/default table key default))))

(define (hash-table-walk table f)
  (for-each (lambda (entry) (f (car entry) (cdr entry))) (hash-table->alist table)))

(define (hash-table-for-each table f)
  (hash-table-walk table f))

(define (hash-table-keys table)
  (map car (hash-table->alist table)))

(define (hash-table-values table)
  (map cdr (hash-table->alist table)))

(define (hash-table-copy table)
  (let ((copy (%hash-table-like table)))
    (hash-table-walk table (lambda (key value) (hash-table-set! copy key value)))
    copy))

(define (alist->hash-table list)
  (let ((table (make-hash-table)))
    (for-each
     (lambda (entry)
       (if (not (hash-table-contains? table (car entry)))
           (hash-table-set! table (car entry) (cdr entry))))
     list)
    table))
`

export const OUTPUT_PARAMETER = 'current-output-port'

/** Names and texts, in an order that does not change. */
export const LIBRARY: readonly (readonly [name: string, text: string])[] = [
  ...TEXT.trim()
    .split(/\n\n(?=\(define )/)
    .map((text) => [/^\(define \(([^\s)]+)/.exec(text)?.[1] as string, text] as const),
  // A parameter, which is made when it is first used.
  [OUTPUT_PARAMETER, ''],
]

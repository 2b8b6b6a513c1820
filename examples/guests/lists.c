/*
 * A small interpreter of lists whose values are collected objects: reads expressions from standard input, prints what
 * they come to.
 *
 *     clang --target=wasm32-wasi --sysroot=/usr -O2 -Wl,-z,stack-size=1048576 -Inode_modules/heapwright/include \
 *       lists.c -o lists.wasm
 *     npx heapwright link lists.wasm -o linked.wasm
 *     echo '(define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))) (fib 20)' \
 *       | npx heapwright run linked.wasm
 *
 * C's own stack is made longer than usual, so that a program that never ends finds the shadow stack full, which is
 * told, and not the end of C's, which is not.
 *
 * A value is a word: null is the empty list, an odd number an integer, anything else a reference to a pair, a symbol
 * or a function. Each function that calls another one which may collect keeps what it needs afterwards in a frame,
 * and reads it there again.
 */
#include "heapwright.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef hw_ref value;

struct pair { value head, rest; };
struct function { value parameters, body, scope; };
/* Symbols are in one list, so that equal names are the same object. */
struct symbol { value next; hw_u32 length; char name[]; };

static hw_type pair_type, function_type, symbol_type;
/* Roots: globals that are told to the heap in main. The scope is a list of pairs of a name and a value. */
static value symbols, globals;
static value name_define, name_if, name_lambda, name_quote;

static void fail(const char *message) {
  fprintf(stderr, "lists: %s\n", message);
  exit(1);
}

static int is_number(value v) { return (hw_u32)v & 1; }
static value number_of(int n) { return (value)(((hw_u32)n << 1) | 1); }
static int int_of(value v) {
  if (!is_number(v)) fail("a number is expected");
  return (int)(hw_u32)v >> 1;
}
static int is_of(value v, hw_type type) { return v && !is_number(v) && hw_type_id(v) == ((hw_u32)type & HW_TYPE_MASK); }
static struct pair *pair_of(value v) {
  if (!is_of(v, pair_type)) fail("a pair is expected");
  return (struct pair *)v;
}
static value head(value v) { return pair_of(v)->head; }
static value rest(value v) { return pair_of(v)->rest; }

/* COLLECTS. What is given is kept meanwhile, but where it was is no longer where it is. */
static value cons(value first, value others) {
  HW_FRAME(struct pair, f);
  if (!f) fail("too deep");
  f->head = first;
  f->rest = others;
  struct pair *made = HW_NEW(struct pair, pair_type);
  if (!made) fail("out of memory");
  made->head = f->head;
  made->rest = f->rest;
  hw_leave(f);
  return made;
}

/* COLLECTS, when the name is new. */
static value intern(const char *name, hw_u32 length) {
  for (value at = symbols; at; at = ((struct symbol *)at)->next) {
    struct symbol *symbol = at;
    if (symbol->length == length && memcmp(symbol->name, name, length) == 0) return at;
  }
  struct symbol *made = HW_NEW_ARRAY(struct symbol, name, symbol_type, length);
  if (!made) fail("out of memory");
  made->length = length;
  memcpy(made->name, name, length);
  made->next = symbols;
  symbols = made;
  return made;
}

/* ---- reading and printing ---------------------------------------------------------------------------------------- */

static int next_character(void) {
  int c = getchar();
  while (c == ' ' || c == '\n' || c == '\t') c = getchar();
  return c;
}

static value read_value(int c);

/* COLLECTS. The list up to its closing parenthesis. */
static value read_list(void) {
  int c = next_character();
  if (c == ')') return NULL;
  if (c == EOF) fail("a parenthesis is open");
  hw_ref *f = hw_enter(1);
  if (!f) fail("too deep");
  f[0] = read_value(c);
  value others = read_list();
  value list = cons(f[0], others);
  hw_leave(f);
  return list;
}

/* COLLECTS. The value that begins with `c`. */
static value read_value(int c) {
  char text[64];
  hw_u32 length = 0;
  if (c == '(') return read_list();
  while (c != EOF && c != '(' && c != ')' && c != ' ' && c != '\n' && c != '\t') {
    if (length == sizeof text - 1) fail("a name is too long");
    text[length++] = (char)c;
    c = getchar();
  }
  if (c != EOF) ungetc(c, stdin);
  text[length] = 0;
  char *end;
  long n = strtol(text, &end, 10);
  return length > 0 && *end == 0 ? number_of((int)n) : intern(text, length);
}

static void print(value v) {
  if (is_number(v)) printf("%d", int_of(v));
  else if (is_of(v, symbol_type)) printf("%.*s", (int)((struct symbol *)v)->length, ((struct symbol *)v)->name);
  else if (is_of(v, function_type)) printf("<function>");
  else {
    printf("(");
    for (; v; v = rest(v)) {
      print(head(v));
      if (rest(v)) printf(" ");
    }
    printf(")");
  }
}

/* ---- evaluating -------------------------------------------------------------------------------------------------- */

static value lookup(value name, value scope) {
  for (value at = scope; at; at = rest(at)) if (head(head(at)) == name) return rest(head(at));
  for (value at = globals; at; at = rest(at)) if (head(head(at)) == name) return rest(head(at));
  fprintf(stderr, "lists: %.*s has no value\n", (int)((struct symbol *)name)->length, ((struct symbol *)name)->name);
  exit(1);
}

static value evaluate(value expression, value scope);

/* COLLECTS. */
static value evaluate_all(value expressions, value scope) {
  struct frame { value expressions, scope, first; };
  if (!expressions) return NULL;
  HW_FRAME(struct frame, f);
  if (!f) fail("too deep");
  f->expressions = expressions;
  f->scope = scope;
  f->first = evaluate(head(f->expressions), f->scope);
  value others = evaluate_all(rest(f->expressions), f->scope);
  value list = cons(f->first, others);
  hw_leave(f);
  return list;
}

/* COLLECTS. A function of the interpreter's own, told by its name. */
static value apply_name(value name, value arguments) {
  const struct symbol *symbol = name;
  value first = arguments ? head(arguments) : NULL;
  value second = arguments && rest(arguments) ? head(rest(arguments)) : NULL;
  switch (symbol->length == 1 ? symbol->name[0] : 0) {
    case '+': return number_of(int_of(first) + int_of(second));
    case '-': return number_of(int_of(first) - int_of(second));
    case '*': return number_of(int_of(first) * int_of(second));
    case '<': return int_of(first) < int_of(second) ? number_of(1) : NULL;
  }
  if (symbol->length == 4 && memcmp(symbol->name, "cons", 4) == 0) return cons(first, second);
  if (symbol->length == 4 && memcmp(symbol->name, "head", 4) == 0) return head(first);
  if (symbol->length == 4 && memcmp(symbol->name, "rest", 4) == 0) return rest(first);
  fail("no such function");
  return NULL;
}

static int is_own(value v) {
  static const char *const names[] = {"+", "-", "*", "<", "cons", "head", "rest"};
  if (!is_of(v, symbol_type)) return 0;
  const struct symbol *symbol = v;
  for (hw_u32 i = 0; i < sizeof names / sizeof *names; i++) {
    if (symbol->length == strlen(names[i]) && memcmp(symbol->name, names[i], symbol->length) == 0) return 1;
  }
  return 0;
}

/* COLLECTS. */
static value apply(value function, value arguments) {
  struct frame { value function, parameters, arguments, scope; };
  if (is_own(function)) return apply_name(function, arguments);
  if (!is_of(function, function_type)) fail("a function is expected");
  HW_FRAME(struct frame, f);
  if (!f) fail("too deep");
  f->function = function;
  f->parameters = ((struct function *)function)->parameters;
  f->arguments = arguments;
  f->scope = ((struct function *)function)->scope;
  for (; f->parameters; f->parameters = rest(f->parameters), f->arguments = rest(f->arguments)) {
    value binding = cons(head(f->parameters), head(f->arguments));
    value scope = cons(binding, f->scope);
    f->scope = scope;
  }
  value result = evaluate(((struct function *)f->function)->body, f->scope);
  hw_leave(f);
  return result;
}

/* COLLECTS. */
static value make_function(value parameters, value body, value scope) {
  HW_FRAME(struct function, f);
  if (!f) fail("too deep");
  f->parameters = parameters;
  f->body = body;
  f->scope = scope;
  struct function *made = HW_NEW(struct function, function_type);
  if (!made) fail("out of memory");
  *made = *f; /* a new object: plain stores will do */
  hw_leave(f);
  return made;
}

/* COLLECTS. */
static value evaluate(value expression, value scope) {
  struct frame { value expression, scope, function; };
  if (!expression || is_number(expression) || is_own(expression)) return expression;
  if (is_of(expression, symbol_type)) return lookup(expression, scope);
  value first = head(expression);
  if (first == name_quote) return head(rest(expression));
  if (first == name_lambda) return make_function(head(rest(expression)), head(rest(rest(expression))), scope);
  HW_FRAME(struct frame, f);
  if (!f) fail("too deep");
  f->expression = rest(expression);
  f->scope = scope;
  value result;
  if (first == name_if) {
    value condition = evaluate(head(f->expression), f->scope);
    value branches = rest(f->expression);
    result = evaluate(condition ? head(branches) : head(rest(branches)), f->scope);
  } else if (first == name_define) {
    value meaning = evaluate(head(rest(f->expression)), f->scope);
    value binding = cons(head(f->expression), meaning);
    globals = cons(binding, globals);
    result = head(f->expression);
  } else {
    f->function = evaluate(first, f->scope);
    value arguments = evaluate_all(f->expression, f->scope);
    result = apply(f->function, arguments);
  }
  hw_leave(f);
  return result;
}

int main(void) {
  pair_type = hw_struct_type("pair", sizeof(struct pair), HW_REF(struct pair, head) | HW_REF(struct pair, rest));
  function_type = hw_struct_type("function", sizeof(struct function), 7);
  symbol_type = hw_array_type("symbol", offsetof(struct symbol, name), HW_REF(struct symbol, next), 1, 0);
  value *const roots[] = {&symbols, &globals, &name_define, &name_if, &name_lambda, &name_quote};
  for (hw_u32 i = 0; i < sizeof roots / sizeof *roots; i++) if (!hw_global_add(roots[i])) fail("out of memory");
  if (!pair_type || !function_type || !symbol_type) fail("out of memory");
  name_define = intern("define", 6);
  name_if = intern("if", 2);
  name_lambda = intern("lambda", 6);
  name_quote = intern("quote", 5);
  for (int c = next_character(); c != EOF; c = next_character()) {
    value expression = read_value(c);
    print(evaluate(expression, NULL));
    printf("\n");
  }
  return 0;
}

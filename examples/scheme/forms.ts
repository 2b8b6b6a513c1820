/** The forms that are not made of other forms. */
import type { Ast } from './ast.js'
import { type Context, definition, type Expander, UNSPECIFIED_VALUE } from './expander.js'
import { type Binding, core, Global, LoopName, Scope, Variable } from './scope.js'
import { isProper, List, type Node, plainName, Sym } from './syntax.js'

type Form = (expander: Expander, form: List, context: Context) => Ast

function quote(expander: Expander, form: List): Ast {
  if (form.items.length !== 2) expander.fault(form.at, 'quote takes one datum')
  return { kind: 'constant', value: form.items[1] as Node }
}

function lambda(expander: Expander, form: List, context: Context): Ast {
  return expander.named(form, context, '')
}

function define(expander: Expander, form: List, context: Context): Ast {
  if (!context.isTop) expander.fault(form.at, 'a definition does not belong here')
  const { name, value } = definition(expander, form)
  const plain = plainName(name)
  expander.definitions.redefined.add(plain)
  expander.definitions.macros.delete(plain)
  const global = expander.global(plain, name.at)
  return { kind: 'define', global, value: expander.named(value, context.operand, plain) }
}

function defineSyntax(expander: Expander, form: List, context: Context): Ast {
  if (!context.isTop) expander.fault(form.at, 'a definition does not belong here')
  expander.defineSyntax(form, context)
  return UNSPECIFIED_VALUE
}

function assign(expander: Expander, form: List, context: Context): Ast {
  const [, name, value] = form.items
  if (form.items.length !== 3 || !(name instanceof Sym)) expander.fault(form.at, 'an assignment is (set! name value)')
  const expanded = expander.expand(value as Node, context.operand)
  const binding: Binding = expander.find(name, context.scope)
  if (binding instanceof Variable) {
    binding.isAssigned = true
    expander.capture(binding, context.lambda)
    return { kind: 'set-local', variable: binding, value: expanded, at: form.at }
  }
  if (binding instanceof LoopName) {
    binding.references++
    return UNSPECIFIED_VALUE
  }
  if (!(binding instanceof Global)) expander.fault(form.at, `${plainName(name)} is a keyword`)
  if (expander.definitions.isKnown(binding.name)) {
    expander.fault(form.at, `${binding.name} belongs to the language: define it before you set it`)
  }
  return { kind: 'set-global', global: binding, value: expanded, at: form.at }
}

function choose(expander: Expander, form: List, context: Context): Ast {
  const [, test, then, otherwise] = form.items
  if (then === undefined || form.items.length > 4) expander.fault(form.at, 'if is (if test then else)')
  return {
    kind: 'if',
    test: expander.expand(test as Node, context.operand),
    consequent: expander.expand(then, tailOf(context)),
    otherwise: otherwise === undefined ? UNSPECIFIED_VALUE : expander.expand(otherwise, tailOf(context)),
  }
}

/** The same place, but no longer one where definitions of the top level belong. */
const tailOf = (context: Context): Context => (context.isTop ? context.in(context.scope) : context)

function begin(expander: Expander, form: List, context: Context): Ast {
  const forms = form.items.slice(1)
  const last = forms.length - 1
  const steps = forms.map((one, i) => expander.expand(one, i === last || context.isTop ? context : context.operand))
  return { kind: 'sequence', steps }
}

function and(expander: Expander, form: List, context: Context): Ast {
  const terms = form.items.slice(1)
  const last = terms.pop()
  if (last === undefined) return { kind: 'constant', value: true }
  const tests = terms.map((term) => expander.expand(term, context.operand))
  const otherwise: Ast = { kind: 'constant', value: false }
  return tests.reduceRight<Ast>(
    (consequent, test) => ({ kind: 'if', test, consequent, otherwise }),
    expander.expand(last, tailOf(context)),
  )
}

function or(expander: Expander, form: List, context: Context): Ast {
  const terms = form.items.slice(1)
  if (terms.length === 0) return { kind: 'constant', value: false }
  const last = terms.length - 1
  return {
    kind: 'or',
    terms: terms.map((term, i) => expander.expand(term, i === last ? tailOf(context) : context.operand)),
  }
}

/** The bindings of a form of the `let` family. @throws SyntaxFault */
function bindingsOf(expander: Expander, node: Node | undefined, at: number): [Sym, Node][] {
  if (!isProper(node)) expander.fault(at, 'bindings are ((name value) ...)')
  return node.items.map((binding) => {
    const isPair = isProper(binding) && binding.items.length === 2
    const name = isPair ? binding.items[0] : undefined
    if (!isPair || !(name instanceof Sym)) expander.fault(at, 'a binding is (name value)')
    return [name, binding.items[1] as Node]
  })
}

function letForm(expander: Expander, form: List, context: Context): Ast {
  const name = form.items[1]
  const place = tailOf(context)
  if (name instanceof Sym) {
    return expander.namedLet(form, name, bindingsOf(expander, form.items[2], form.at), place)
  }
  const bindings = bindingsOf(expander, name, form.at)
  const values = bindings.map(([symbol, value]) => expander.named(value, context.operand, plainName(symbol)))
  const scope = new Scope(context.scope)
  const variables = expander.bindAll(bindings, scope, context.lambda)
  const body = expander.body(form.items.slice(2), place.in(scope), form.at)
  return variables.length === 0 ? body : { kind: 'let', variables, values, body }
}

function letrec(expander: Expander, form: List, context: Context): Ast {
  const bindings = bindingsOf(expander, form.items[1], form.at)
  const scope = new Scope(context.scope)
  const variables = expander.bindAll(bindings, scope, context.lambda)
  for (const variable of variables) variable.isEarly = true
  const steps = bindings.map(([, value], i) => ({ variable: variables[i] as Variable, form: value }))
  // The body as an expression, whatever `let` is bound to.
  const body = new List([core('let'), new List([]), ...form.items.slice(2)], form.at)
  return expander.letrec(variables, [...steps, { form: body }], tailOf(context).in(scope))
}

/** `let-syntax` and `letrec-syntax`. */
function syntaxForm(expander: Expander, form: List, context: Context): Ast {
  const scope = new Scope(context.scope)
  for (const [name, rules] of bindingsOf(expander, form.items[1], form.at))
    scope.bind(name, expander.macro(rules, scope))
  return expander.body(form.items.slice(2), tailOf(context).in(scope), form.at)
}

export const FORMS: Readonly<Record<string, Form>> = {
  quote,
  lambda,
  define,
  'define-syntax': defineSyntax,
  'set!': assign,
  if: choose,
  begin,
  and,
  or,
  let: letForm,
  letrec,
  'letrec*': letrec,
  'let-syntax': syntaxForm,
  'letrec-syntax': syntaxForm,
}

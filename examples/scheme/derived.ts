/** Forms that are made of other forms: from tree to tree. Names that they insert mean what they do in the language. */
import { SyntaxFault } from './errors.js'
import { UNSPECIFIED } from './memory.js'
import { core, Scope } from './scope.js'
import { isProper, List, type Node, Num, placeText, plainName, Sym, Vec, Word } from './syntax.js'

type Is = (node: Node | undefined, keyword: string) => boolean
type Derive = (form: List, is: Is) => Node

const list = (at: number, ...items: Node[]): List => new List(items, at)
const call = (at: number, name: string, ...operands: Node[]): List => new List([core(name, at), ...operands], at)
const thunk = (at: number, ...body: Node[]): List => call(at, 'lambda', list(at), ...body)
const quoted = (node: Node): List => call(0, 'quote', node)
const HIDDEN = new Scope(undefined)
/** A name that no text can have. */
const fresh = (name: string, at: number): Sym => new Sym(name, at, new Sym(name, at), HIDDEN)

function fault(form: List, message: string): never {
  throw new SyntaxFault(`${placeText(form.at)}: ${message}`)
}

function listIn(form: List, node: Node | undefined, shape: string): List {
  return isProper(node) ? node : fault(form, shape)
}

// ---- conditions -------------------------------------------------------------------------------------------------------

function cond(form: List, is: Is): Node {
  const [first, ...others] = form.items.slice(1)
  if (first === undefined) return new Word(UNSPECIFIED)
  const clause = listIn(form, first, 'a clause of cond is (test expression ...)')
  const { at } = clause
  const [test, ...body] = clause.items
  if (test === undefined) fault(form, 'a clause of cond is (test expression ...)')
  if (is(test, 'else')) return call(at, 'begin', ...body)
  const rest = others.length === 0 ? [] : [new List([core('cond', at), ...others], at)]
  if (body.length === 0) return call(at, 'or', test, ...(rest.length === 0 ? [new Word(UNSPECIFIED)] : rest))
  if (!is(body[0], '=>')) return call(at, 'if', test, call(at, 'begin', ...body), ...rest)
  if (body.length !== 2) fault(form, 'a clause with => is (test => procedure)')
  const value = fresh('value', at)
  return call(
    at,
    'let',
    list(at, list(at, value, test)),
    call(at, 'if', value, list(at, body[1] as Node, value), ...rest),
  )
}

function caseForm(form: List, is: Is): Node {
  const { at } = form
  const [, subject, ...clauses] = form.items
  if (subject === undefined) fault(form, 'case is (case key ((datum ...) expression ...) ...)')
  const key = fresh('key', at)
  const body = clauses.map((node) => {
    const clause = listIn(form, node, 'a clause of case is ((datum ...) expression ...)')
    const [data, ...expressions] = clause.items
    const isArrow = is(expressions[0], '=>') && expressions.length === 2
    const then = isArrow ? [list(clause.at, expressions[1] as Node, key)] : expressions
    if (is(data, 'else')) return list(clause.at, core('else'), ...then)
    const { items } = listIn(form, data, 'a clause of case is ((datum ...) expression ...)')
    const [only] = items
    const test =
      items.length === 1 ? call(at, 'eqv?', key, quoted(only as Node)) : call(at, 'memv', key, quoted(data as Node))
    return list(clause.at, test, ...(then.length === 0 ? [new Word(UNSPECIFIED)] : then))
  })
  return call(at, 'let', list(at, list(at, key, subject)), call(at, 'cond', ...body))
}

const when: Derive = (form) => call(form.at, 'if', ...testOf(form), call(form.at, 'begin', ...form.items.slice(2)))
const unless: Derive = (form) =>
  call(form.at, 'if', ...testOf(form), new Word(UNSPECIFIED), call(form.at, 'begin', ...form.items.slice(2)))

function testOf(form: List): [Node] {
  const [, test] = form.items
  if (test === undefined || form.items.length < 3) fault(form, 'it needs a test and an expression')
  return [test]
}

// ---- variables --------------------------------------------------------------------------------------------------------

function letStar(form: List): Node {
  const bindings = listIn(form, form.items[1], 'let* is (let* ((name value) ...) body ...)').items
  const body = form.items.slice(2)
  const [first, ...rest] = bindings
  if (rest.length === 0) return call(form.at, 'let', list(form.at, ...(first === undefined ? [] : [first])), ...body)
  return call(form.at, 'let', list(form.at, first as Node), call(form.at, 'let*', list(form.at, ...rest), ...body))
}

function doForm(form: List): Node {
  const { at } = form
  const shape = 'do is (do ((name value step) ...) (test expression ...) command ...)'
  const specs = listIn(form, form.items[1], shape).items.map((spec) => {
    const { items } = listIn(form, spec, shape)
    if (items.length < 2 || items.length > 3) fault(form, shape)
    return items
  })
  const [test, ...results] = listIn(form, form.items[2], shape).items
  if (test === undefined) fault(form, shape)
  const loop = fresh('do', at)
  const again = list(at, loop, ...specs.map(([name, , step]) => (step ?? name) as Node))
  const bindings = specs.map(([name, value]) => list(at, name as Node, value as Node))
  const end = results.length === 0 ? new Word(UNSPECIFIED) : call(at, 'begin', ...results)
  const body = call(at, 'if', test, end, call(at, 'begin', ...form.items.slice(3), again))
  return call(at, 'let', loop, list(at, ...bindings), body)
}

/** The formals of several values with every name replaced by a fresh one, and the pairs of both. */
function hiddenFormals(formals: Node, pairs: [Sym, Sym][]): Node {
  const hide = (name: Node): Node => {
    if (!(name instanceof Sym)) return name
    const hidden = fresh(name.name, name.at)
    pairs.push([name, hidden])
    return hidden
  }
  if (!(formals instanceof List)) return hide(formals)
  return new List(formals.items.map(hide), formals.at, formals.tail === undefined ? undefined : hide(formals.tail))
}

function receiving(at: number, producer: Node, formals: Node, ...body: Node[]): Node {
  return call(at, 'call-with-values', thunk(at, producer), call(at, 'lambda', formals, ...body))
}

function clausesOf(form: List): [Node, Node][] {
  const shape = `${plainName(form.items[0] as Sym)} is (((name ...) expression) ...) body ...`
  return listIn(form, form.items[1], shape).items.map((clause) => {
    const { items } = listIn(form, clause, shape)
    return items.length === 2 ? [items[0] as Node, items[1] as Node] : fault(form, shape)
  })
}

function letValues(form: List): Node {
  const { at } = form
  const pairs: [Sym, Sym][] = []
  const clauses = clausesOf(form).map(([formals, value]) => [hiddenFormals(formals, pairs), value] as const)
  const bindings = pairs.map(([name, hidden]) => list(at, name, hidden))
  const body: Node = call(at, 'let', list(at, ...bindings), ...form.items.slice(2))
  return clauses.reduceRight<Node>((inner, [formals, value]) => receiving(at, value, formals, inner), body)
}

function letStarValues(form: List): Node {
  const body: Node = call(form.at, 'let', list(form.at), ...form.items.slice(2))
  return clausesOf(form).reduceRight<Node>((inner, [formals, value]) => receiving(form.at, value, formals, inner), body)
}

function receive(form: List): Node {
  const [, formals, value, ...body] = form.items
  if (formals === undefined || value === undefined) fault(form, 'receive is (receive formals expression body ...)')
  return receiving(form.at, value, formals, ...body)
}

function defineValues(form: List): Node {
  const [, formals, value] = form.items
  if (formals === undefined || value === undefined) fault(form, 'it is (define-values formals expression)')
  const pairs: [Sym, Sym][] = []
  const hidden = hiddenFormals(formals, pairs)
  const { at } = form
  const definitions = pairs.map(([name]) => call(at, 'define', name, false))
  const assignments = pairs.map(([name, from]) => call(at, 'set!', name, from))
  return call(at, 'begin', ...definitions, receiving(at, value, hidden, ...assignments, new Word(UNSPECIFIED)))
}

// ---- procedures -------------------------------------------------------------------------------------------------------

function caseLambda(form: List): Node {
  const { at } = form
  const operands = fresh('operands', at)
  const count = fresh('count', at)
  const clauses = form.items.slice(1).map((node) => {
    const [formals, ...body] = listIn(form, node, 'a clause of case-lambda is (formals body ...)').items
    const least = formals instanceof List ? formals.items.length : 0
    const isOpen = !isProper(formals)
    const test = call(at, isOpen ? '>=' : '=', count, new Num(least, true))
    return list(at, test, call(at, 'apply', call(at, 'lambda', formals as Node, ...body), operands))
  })
  const wrong = call(at, 'error', 'no clause of case-lambda takes so many arguments', count)
  const body = call(at, 'cond', ...clauses, list(at, core('else'), wrong))
  return call(at, 'lambda', operands, call(at, 'let', list(at, list(at, count, call(at, 'length', operands))), body))
}

const delayForce: Derive = (form) => call(form.at, '%promise', false, thunk(form.at, ...operandOf(form)))
const delay: Derive = (form) =>
  call(form.at, '%promise', false, thunk(form.at, call(form.at, '%promise', true, ...operandOf(form))))

function operandOf(form: List): [Node] {
  const [, operand] = form.items
  return operand !== undefined && form.items.length === 2 ? [operand] : fault(form, 'it takes one expression')
}

function parameterize(form: List): Node {
  const { at } = form
  const shape = 'parameterize is (parameterize ((parameter value) ...) body ...)'
  const bindings = listIn(form, form.items[1], shape).items.map((binding) => {
    const { items } = listIn(form, binding, shape)
    return items.length === 2 ? call(at, 'cons', items[0] as Node, items[1] as Node) : fault(form, shape)
  })
  const body = thunk(at, ...form.items.slice(2))
  return call(at, '%parameterize', call(at, 'list', ...bindings), body)
}

function guard(form: List, is: Is): Node {
  const { at } = form
  const shape = 'guard is (guard (name clause ...) body ...)'
  const [name, ...clauses] = listIn(form, form.items[1], shape).items
  if (!(name instanceof Sym)) fault(form, shape)
  const last = clauses.at(-1)
  const hasElse = last instanceof List && is(last.items[0], 'else')
  const again = hasElse ? [] : [list(at, core('else'), call(at, 'raise-continuable', name))]
  const handler = call(at, 'lambda', list(at, name), call(at, 'cond', ...clauses, ...again))
  return call(at, '%guard', thunk(at, ...form.items.slice(2)), handler)
}

function assert(form: List): Node {
  const [test] = operandOf(form)
  return call(form.at, 'if', test, new Word(UNSPECIFIED), call(form.at, 'error', 'assertion failed', quoted(test)))
}

// ---- records ----------------------------------------------------------------------------------------------------------

function defineRecordType(form: List): Node {
  const { at } = form
  const [, name, maker, predicate, ...specs] = form.items
  const shape = '(define-record-type name (constructor field ...) predicate (field accessor [modifier]) ...)'
  if (!(name instanceof Sym) || predicate === undefined) fault(form, shape)
  const fields = specs.map((spec) => (spec instanceof Sym ? [spec] : listIn(form, spec, shape).items))
  const names = fields.map(([field]) => (field instanceof Sym ? plainName(field) : fault(form, shape)))
  const define = (what: Node, ...value: [string, ...Node[]]): Node => {
    if (!(what instanceof Sym)) return fault(form, shape)
    const [kind, ...operands] = value
    return call(at, 'define', what, call(at, kind, name, quoted(what), ...operands))
  }
  const indexOf = (field: Node): Node => {
    const index = field instanceof Sym ? names.indexOf(plainName(field)) : -1
    return index < 0 ? fault(form, 'the constructor has a field that the record does not have') : new Num(index, true)
  }
  const type = call(at, '%record-type', quoted(name), quoted(new Vec(fields.map(([field]) => field as Node))))
  const definitions: Node[] = [call(at, 'define', name, type)]
  if (maker instanceof Sym) {
    definitions.push(define(maker, '%record-maker', quoted(new Vec(names.map((_, i) => new Num(i, true))))))
  } else if (isProper(maker) && maker.items.length > 0) {
    const indices = maker.items.slice(1).map(indexOf)
    definitions.push(define(maker.items[0] as Node, '%record-maker', quoted(new Vec(indices))))
  } else if (maker !== false) fault(form, shape)
  if (predicate !== false) definitions.push(define(predicate, '%record-predicate'))
  fields.forEach(([, accessor, modifier], i) => {
    if (accessor !== undefined) definitions.push(define(accessor, '%record-accessor', new Num(i, true)))
    if (modifier !== undefined) definitions.push(define(modifier, '%record-modifier', new Num(i, true)))
  })
  return call(at, 'begin', ...definitions)
}

// ---- programs -------------------------------------------------------------------------------------------------------

/** All that there is is there: imports are read and ignored. */
const importForm: Derive = (form) => call(form.at, 'begin')

const FEATURES: ReadonlySet<string> = new Set(['r7rs', 'full-unicode', 'heapwright'])

function condExpand(form: List): Node {
  const shape = 'a clause of cond-expand is (feature form ...)'
  for (const node of form.items.slice(1)) {
    const [feature, ...forms] = listIn(form, node, shape).items
    if (feature === undefined) fault(form, shape)
    if (hasFeature(form, feature)) return call(form.at, 'begin', ...forms)
  }
  return call(form.at, 'begin')
}

function hasFeature(form: List, feature: Node): boolean {
  if (feature instanceof Sym) return plainName(feature) === 'else' || FEATURES.has(plainName(feature))
  const { items } = listIn(form, feature, 'a feature is a name, or (and ...), (or ...), (not ...), (library ...)')
  const [head, ...rest] = items
  const kind = head instanceof Sym ? plainName(head) : ''
  if (kind === 'and') return rest.every((one) => hasFeature(form, one))
  if (kind === 'or') return rest.some((one) => hasFeature(form, one))
  if (kind === 'not' && rest.length === 1) return !hasFeature(form, rest[0] as Node)
  const name = rest[0] instanceof List ? rest[0].items[0] : undefined
  return kind === 'library' && name instanceof Sym && name.name === 'scheme'
}

function syntaxError(form: List): Node {
  const [, message] = form.items
  return fault(form, typeof message === 'string' ? message : 'a syntax error')
}

// ---- quasiquote ---------------------------------------------------------------------------------------------------------

function quasiquote(form: List, is: Is): Node {
  return quasi(operandOf(form)[0], 0, form.at, is)
}

function quasi(node: Node, level: number, at: number, is: Is): Node {
  if (node instanceof Vec) return call(at, 'list->vector', quasi(new List(node.items, at), level, at, is))
  if (!(node instanceof List)) return quoted(node)
  const [head, operand] = node.items
  const isTwo = node.items.length === 2 && node.tail === undefined
  if (isTwo && is(head, 'unquote')) {
    if (level === 0) return operand as Node
    return call(at, 'list', quoted(head as Node), quasi(operand as Node, level - 1, at, is))
  }
  if (isTwo && is(head, 'quasiquote')) {
    return call(at, 'list', quoted(head as Node), quasi(operand as Node, level + 1, at, is))
  }
  return quasiItems(node, level, at, is)
}

function quasiItems(node: List, level: number, at: number, is: Is): Node {
  let made: Node = node.tail === undefined ? quoted(new List([])) : quasi(node.tail, level, at, is)
  let { items } = node
  // `(a . ,b)` is read as (a unquote b).
  const [unquote, last] = items.slice(-2)
  if (node.tail === undefined && items.length > 2 && is(unquote, 'unquote')) {
    made = quasi(new List([unquote as Node, last as Node], at), level, at, is)
    items = items.slice(0, -2)
  }
  for (const item of [...items].reverse()) {
    const isSpliced = isProper(item) && item.items.length === 2 && is(item.items[0], 'unquote-splicing')
    if (!isSpliced) made = call(at, 'cons', quasi(item, level, at, is), made)
    else if (level === 0) made = call(at, 'append', item.items[1] as Node, made)
    else {
      const inner = quasi(item.items[1] as Node, level - 1, at, is)
      made = call(at, 'cons', call(at, 'list', quoted(item.items[0] as Node), inner), made)
    }
  }
  return made
}

export const DERIVED: Readonly<Record<string, Derive>> = {
  cond,
  case: caseForm,
  when,
  unless,
  'let*': letStar,
  do: doForm,
  'let-values': letValues,
  'let*-values': letStarValues,
  receive,
  'define-values': defineValues,
  'case-lambda': caseLambda,
  delay,
  'delay-force': delayForce,
  parameterize,
  guard,
  assert,
  'define-record-type': defineRecordType,
  quasiquote,
  import: importForm,
  'cond-expand': condExpand,
  'syntax-error': syntaxError,
}

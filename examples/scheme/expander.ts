/**
 * From the text's tree to the meaning of a form: macros and derived forms are expanded, names are resolved, variables
 * know who captures and who assigns them, and loops are told from procedures.
 *
 * A named `let` whose name is only called, from tail positions and with the right number of operands, is a loop: it
 * needs no closure and no frame. It is tried first; when another use of the name turns up it is expanded again, as a
 * procedure.
 */
import { type Ast, Lambda } from './ast.js'
import { DERIVED } from './derived.js'
import { SyntaxFault } from './errors.js'
import { FORMS } from './forms.js'
import { Macro } from './macros.js'
import { type Binding, core, Global, Keyword, LoopName, Scope, Variable } from './scope.js'
import { List, type Node, nodeAt, placeText, plainName, Sym } from './syntax.js'

/** What the expander must know of the program so far. */
export interface Definitions {
  /** Macros of the top level. */
  readonly macros: Map<string, Macro>
  /** Names of the language that the program has defined anew. */
  readonly redefined: Set<string>
  /** Whether a name is that of a primitive which takes so many operands. */
  isPrimitive(name: string, operands: number): boolean
  /** Whether the language has a procedure of that name. */
  isKnown(name: string): boolean
  /** Whether it is one for the language's own use, and this is a program's text. */
  isInternal(name: string): boolean
}

/** What tells a program's variable from the language's of the same name: the library goes on with its own. */
export const OWN = '\u0001'

/** Where a form stands. */
export class Context {
  readonly scope: Scope
  readonly lambda: Lambda
  /** Loops for which this is a tail position. */
  readonly loops: readonly LoopName[]
  readonly isTop: boolean

  constructor(scope: Scope, lambda: Lambda, loops: readonly LoopName[] = [], isTop = false) {
    this.scope = scope
    this.lambda = lambda
    this.loops = loops
    this.isTop = isTop
  }

  /** No tail position. */
  get operand(): Context {
    return new Context(this.scope, this.lambda)
  }

  in(scope: Scope): Context {
    return new Context(scope, this.lambda, this.loops)
  }

  inLoop(scope: Scope, loop: LoopName): Context {
    return new Context(scope, this.lambda, [...this.loops, loop])
  }
}

/** Forms inside forms, what macros make of them included. */
const DEPTH_MAX = 1000

export const UNSPECIFIED_VALUE: Ast = { kind: 'sequence', steps: [] }

export class Expander {
  readonly definitions: Definitions
  readonly #isLoop = new Map<List, boolean>()
  #depth = 0

  constructor(definitions: Definitions) {
    this.definitions = definitions
  }

  /** A form of the top level, as a procedure without parameters. @throws SyntaxFault */
  program(form: Node): Lambda {
    const lambda = new Lambda(undefined, '', nodeAt(form))
    lambda.body = this.expand(form, new Context(new Scope(undefined), lambda, [], true))
    return lambda
  }

  /** A procedure of the library. */
  procedure(name: string, formals: Node, body: readonly Node[]): Lambda {
    const outer = new Lambda(undefined, '', 0)
    const ast = this.lambda(formals, body, new Context(new Scope(undefined), outer), name, 0)
    return (ast as Ast & { kind: 'lambda' }).lambda
  }

  fault(at: number, message: string): never {
    throw new SyntaxFault(`${placeText(at)}: ${message}`)
  }

  expand(node: Node, context: Context): Ast {
    if (++this.#depth > DEPTH_MAX) this.fault(nodeAt(node), 'nested too deeply, or a macro without end')
    const ast = this.#expand(node, context)
    this.#depth--
    return ast
  }

  #expand(node: Node, context: Context): Ast {
    if (node instanceof Sym) return this.#reference(node, context)
    if (!(node instanceof List)) return { kind: 'constant', value: node }
    if (node.tail !== undefined || node.items.length === 0) this.fault(node.at, 'not a form: an empty or improper list')
    const form = this.expandMacros(node, context.scope)
    if (!Object.is(form, node)) return this.expand(form, context)
    const keyword = this.keywordOf(node, context.scope)
    if (keyword !== undefined) {
      const expand = FORMS[keyword]
      if (!expand) this.fault(node.at, `${keyword} does not belong here`)
      return expand(this, node, context)
    }
    return this.#call(node, context)
  }

  /** A program's forms start anew after an error in one. */
  reset(): void {
    this.#depth = 0
    this.#isLoop.clear()
  }

  // ---- names --------------------------------------------------------------------------------------------------------

  find(symbol: Sym, scope: Scope): Binding {
    const local = scope.find(symbol)
    if (local) return local
    const name = plainName(symbol)
    const isCore = isCoreName(symbol)
    const macro = isCore ? undefined : this.definitions.macros.get(name)
    if (macro) return macro
    const isKeyword = Object.hasOwn(FORMS, name) || Object.hasOwn(DERIVED, name) || AUXILIARY.has(name)
    if (isKeyword && (isCore || !this.definitions.redefined.has(name))) return new Keyword(name)
    return isCore ? new Global(name) : this.global(name, symbol.at)
  }

  /** A variable of the top level, as the program has it. @throws SyntaxFault for names that are the language's own */
  global(name: string, at: number): Global {
    const { definitions } = this
    if (definitions.isInternal(name)) this.fault(at, `${name} is for the language's own use`)
    return new Global(definitions.redefined.has(name) && definitions.isKnown(name) ? name + OWN : name)
  }

  /** The keyword at the head of a form. */
  keywordOf(form: Node, scope: Scope): string | undefined {
    const head = form instanceof List ? form.items[0] : undefined
    const binding = head instanceof Sym ? this.find(head, scope) : undefined
    return binding instanceof Keyword ? binding.name : undefined
  }

  isKeyword(node: Node | undefined, name: string, scope: Scope): boolean {
    const binding = node instanceof Sym ? this.find(node, scope) : undefined
    return binding instanceof Keyword && binding.name === name
  }

  #isSame(symbol: Sym, scope: Scope, literal: Sym, literalScope: Scope): boolean {
    const one = this.find(symbol, scope)
    const other = this.find(literal, literalScope)
    if (one instanceof Keyword || one instanceof Global) {
      return one.constructor === other.constructor && one.name === (other as Keyword).name
    }
    return one === other
  }

  /** A form with the macros and derived forms at its head expanded, until it is none of these. */
  expandMacros(form: Node, scope: Scope): Node {
    let node = form
    for (let times = 0; ; times++) {
      if (!(node instanceof List) || !(node.items[0] instanceof Sym)) return node
      if (times > DEPTH_MAX) this.fault(node.at, 'a macro without end')
      const binding = this.find(node.items[0], scope)
      if (binding instanceof Macro) {
        node = binding.expand(node, (symbol, literal, where) => this.#isSame(symbol, scope, literal, where))
      } else if (binding instanceof Keyword && Object.hasOwn(DERIVED, binding.name)) {
        if (node.tail !== undefined) this.fault(node.at, 'not a form: an improper list')
        node = (DERIVED[binding.name] as (typeof DERIVED)[string])(node, (one, name) =>
          this.isKeyword(one, name, scope),
        )
      } else return node
    }
  }

  #reference(symbol: Sym, context: Context): Ast {
    const binding = this.find(symbol, context.scope)
    if (binding instanceof Variable) return this.local(binding, context.lambda, symbol.at)
    if (binding instanceof Global) return { kind: 'global', global: binding, at: symbol.at }
    if (!(binding instanceof LoopName)) this.fault(symbol.at, `${plainName(symbol)} is a keyword and has no value`)
    binding.references++
    return UNSPECIFIED_VALUE
  }

  /** A reference to a variable, which every procedure between it and its owner captures. */
  local(variable: Variable, from: Lambda, at: number): Ast {
    const isSelf = this.capture(variable, from)
    return { kind: 'local', variable, at, isChecked: variable.isEarly && !isSelf }
  }

  /** Whether it was found as the procedure's own name. */
  capture(variable: Variable, from: Lambda): boolean {
    if (from === variable.lambda) {
      variable.selfReferences.add(from)
      return true
    }
    for (let lambda = from; lambda !== variable.owner; lambda = lambda.outer as Lambda) {
      if (!lambda.free.includes(variable)) lambda.free.push(variable)
      if (lambda.outer === variable.owner) {
        variable.isCaptured = true
        if (variable.isEarly) variable.isCapturedEarly = true
      }
    }
    return false
  }

  // ---- calls --------------------------------------------------------------------------------------------------------

  #call(form: List, context: Context): Ast {
    const [head, ...rest] = form.items as [Node, ...Node[]]
    const binding = head instanceof Sym ? this.find(head, context.scope) : undefined
    const operands = rest.map((operand) => this.expand(operand, context.operand))
    if (binding instanceof LoopName) {
      binding.references++
      if (!context.loops.includes(binding) || operands.length !== binding.parameters) return UNSPECIFIED_VALUE
      binding.jumps++
      return { kind: 'jump', loop: binding, values: operands }
    }
    if (binding instanceof Global) {
      if (this.definitions.isPrimitive(binding.name, operands.length)) {
        return { kind: 'primitive', name: binding.name, operands, at: form.at }
      }
    }
    const procedure = this.expand(head, context.operand)
    return { kind: 'call', procedure, operands, at: form.at }
  }

  // ---- procedures and bodies ----------------------------------------------------------------------------------------

  lambda(formals: Node, body: readonly Node[], context: Context, name: string, at: number, own?: Variable): Ast {
    const lambda = new Lambda(context.lambda, name, at)
    if (own) own.lambda = lambda
    const scope = new Scope(context.scope)
    const bind = (node: Node): void => {
      if (!(node instanceof Sym)) this.fault(at, 'a parameter is no symbol')
      if (scope.binds(node)) this.fault(node.at, `two parameters are called ${plainName(node)}`)
      const variable = new Variable(plainName(node), lambda)
      lambda.parameters.push(variable)
      scope.bind(node, variable)
    }
    const tail = formals instanceof List ? formals.tail : formals
    if (formals instanceof List) formals.items.forEach(bind)
    if (tail !== undefined) {
      bind(tail)
      lambda.hasRest = true
    }
    lambda.body = this.body(body, new Context(scope, lambda), at)
    return { kind: 'lambda', lambda }
  }

  /** Definitions and expressions, in a scope of their own. */
  body(forms: readonly Node[], context: Context, at: number): Ast {
    const inner = context.in(new Scope(context.scope))
    const steps: { readonly variable?: Variable; readonly form: Node; readonly name?: Sym }[] = []
    const variables: Variable[] = []
    const waiting = [...forms]
    while (waiting.length > 0) {
      const form = this.expandMacros(waiting.shift() as Node, inner.scope)
      const keyword = this.keywordOf(form, inner.scope)
      if (keyword === 'begin') waiting.unshift(...(form as List).items.slice(1))
      else if (keyword === 'define') {
        const { name, value } = definition(this, form as List)
        const variable = new Variable(plainName(name), inner.lambda)
        variable.isEarly = true
        variables.push(variable)
        inner.scope.bind(name, variable)
        steps.push({ variable, form: value, name })
      } else if (keyword === 'define-syntax') this.defineSyntax(form as List, inner)
      else steps.push({ form })
    }
    if (steps.length === 0) this.fault(at, 'a body without an expression')
    return this.letrec(variables, steps, inner)
  }

  letrec(variables: readonly Variable[], steps: readonly Step[], context: Context): Ast {
    const last = steps.length - 1
    const expanded = steps.map(({ variable, form }, i): Ast => {
      if (!variable) return this.expand(form, i === last ? context : context.operand)
      const value = this.named(form, context.operand, variable.name, variable)
      variable.isEarly = false
      return { kind: 'initialise', variable, value }
    })
    for (const variable of variables) settleSelf(variable)
    if (variables.length > 0) return { kind: 'letrec', variables, steps: expanded }
    return expanded.length === 1 ? (expanded[0] as Ast) : { kind: 'sequence', steps: expanded }
  }

  /** A value that is to be called so, if it is a procedure. */
  named(form: Node, context: Context, name: string, own?: Variable): Ast {
    const expanded = this.expandMacros(form, context.scope)
    if (this.keywordOf(expanded, context.scope) !== 'lambda') return this.expand(expanded, context)
    const { items, at } = expanded as List
    if (items.length < 3) this.fault(at, 'a lambda is (lambda formals body ...)')
    return this.lambda(items[1] as Node, items.slice(2), context, name, at, own)
  }

  defineSyntax(form: List, context: Context): void {
    const [, name, rules] = form.items
    if (!(name instanceof Sym) || rules === undefined || form.items.length !== 3) {
      this.fault(form.at, 'a definition of syntax is (define-syntax name (syntax-rules ...))')
    }
    const macro = this.macro(rules, context.scope)
    if (context.isTop) this.definitions.macros.set(plainName(name), macro)
    else context.scope.bind(name, macro)
  }

  macro(rules: Node, scope: Scope): Macro {
    const binding = rules instanceof Sym ? this.find(rules, scope) : undefined
    return binding instanceof Macro ? binding : new Macro(rules, scope)
  }

  // ---- loops --------------------------------------------------------------------------------------------------------

  /** `(let name ((variable value) ...) body ...)` */
  namedLet(form: List, name: Sym, bindings: readonly (readonly [Sym, Node])[], context: Context): Ast {
    const body = form.items.slice(3)
    if (this.#isLoop.get(form) !== false) {
      const loop = this.#tryLoop(name, bindings, body, context, form.at)
      this.#isLoop.set(form, loop !== undefined)
      if (loop) return loop
    }
    const variable = new Variable(plainName(name), context.lambda)
    const scope = new Scope(context.scope)
    scope.bind(name, variable)
    variable.isEarly = true
    const formals = new List(bindings.map(([symbol]) => symbol))
    const value = this.lambda(formals, body, context.in(scope), plainName(name), form.at, variable)
    variable.isEarly = false
    settleSelf(variable)
    const operands = bindings.map(([, operand]) => this.expand(operand, context.operand))
    const procedure = this.local(variable, context.lambda, form.at)
    const call: Ast = { kind: 'call', procedure, operands, at: form.at }
    return { kind: 'letrec', variables: [variable], steps: [{ kind: 'initialise', variable, value }, call] }
  }

  #tryLoop(
    name: Sym,
    bindings: readonly (readonly [Sym, Node])[],
    body: readonly Node[],
    context: Context,
    at: number,
  ): Ast | undefined {
    const loop = new LoopName(plainName(name), bindings.length)
    const values = bindings.map(([, value]) => this.expand(value, context.operand))
    const outer = new Scope(context.scope)
    outer.bind(name, loop)
    const scope = new Scope(outer)
    loop.variables = this.bindAll(bindings, scope, context.lambda)
    const ast = this.body(body, context.inLoop(scope, loop), at)
    return loop.references === loop.jumps ? { kind: 'loop', loop, values, body: ast } : undefined
  }

  bindAll(bindings: readonly (readonly [Sym, Node])[], scope: Scope, owner: Lambda): Variable[] {
    return bindings.map(([symbol]) => {
      if (scope.binds(symbol)) this.fault(symbol.at, `two variables are called ${plainName(symbol)}`)
      const variable = new Variable(plainName(symbol), owner)
      scope.bind(symbol, variable)
      return variable
    })
  }
}

interface Step {
  readonly variable?: Variable
  readonly form: Node
}

/** Names that are keywords inside other forms only. */
const AUXILIARY: ReadonlySet<string> = new Set([
  'else',
  '=>',
  'unquote',
  'unquote-splicing',
  '...',
  '_',
  'syntax-rules',
])

/** A procedure that is assigned cannot refer to itself by what it is: it captures the variable after all. */
function settleSelf(variable: Variable): void {
  if (!variable.isAssigned) return
  for (const lambda of variable.selfReferences) {
    if (!lambda.free.includes(variable)) lambda.free.push(variable)
    variable.isCaptured = true
    variable.isCapturedEarly = true
  }
  variable.lambda = undefined
}

function isCoreName(symbol: Sym): boolean {
  let innermost = symbol
  while (innermost.original?.original) innermost = innermost.original
  return innermost.scope?.isRoot === true
}

/** What `(define name value)` and `(define (name . formals) body ...)` define. */
export function definition(expander: Expander, form: List): { readonly name: Sym; readonly value: Node } {
  const [keyword, target, ...rest] = form.items
  if (target instanceof Sym) {
    if (rest.length !== 1) expander.fault(form.at, 'a definition is (define name value)')
    return { name: target, value: rest[0] as Node }
  }
  if (!(target instanceof List) || target.items.length === 0 || rest.length === 0) {
    expander.fault(form.at, 'a definition is (define name value) or (define (name . formals) body ...)')
  }
  const [name, ...formals] = target.items as [Node, ...Node[]]
  const tail = target.tail
  const isEmpty = formals.length === 0 && tail !== undefined
  const lambda = new List(
    [core('lambda', form.at), isEmpty ? tail : new List(formals, form.at, tail), ...rest],
    form.at,
  )
  // Curried definitions: (define ((f a) b) ...).
  if (name instanceof List) return definition(expander, new List([keyword as Node, name, lambda], form.at))
  if (!(name instanceof Sym)) expander.fault(form.at, 'the name of a definition is no symbol')
  return { name, value: lambda }
}

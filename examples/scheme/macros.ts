/**
 * `syntax-rules`: patterns and templates. Names that a template inserts become aliases, new for each use of the macro,
 * which mean what the name means where the macro was defined (Clinger and Rees, "Macros that work", 1991): so the
 * macro's names and its user's do not capture each other.
 */
import { SyntaxFault } from './errors.js'
import type { Scope } from './scope.js'
import { List, type Node, Num, placeText, plainName, Sym, Vec } from './syntax.js'

/** What a variable of a pattern stands for; behind an ellipsis, one for each item. */
type Match = Node | readonly Match[]
type Matches = Map<Sym | string, Match>
type IsSame = (symbol: Sym, literal: Sym) => boolean

const keyOf = (symbol: Sym): Sym | string => (symbol.original ? symbol : symbol.name)
const isCalled = (node: Node | undefined, name: string): boolean => node instanceof Sym && plainName(node) === name

export class Macro {
  /** If it is not `...`. */
  readonly #ellipsis: Sym | undefined
  readonly #literals: ReadonlyMap<Sym | string, Sym>
  readonly #rules: readonly (readonly [pattern: List, template: Node])[]
  readonly #scope: Scope

  /** Of a form `(syntax-rules ...)`. @throws SyntaxFault */
  constructor(form: Node, scope: Scope) {
    if (!(form instanceof List) || !isCalled(form.items[0], 'syntax-rules')) throw bad(form)
    this.#scope = scope
    const hasEllipsis = form.items[1] instanceof Sym
    this.#ellipsis = hasEllipsis ? (form.items[1] as Sym) : undefined
    const [literals, ...rules] = form.items.slice(hasEllipsis ? 2 : 1)
    if (!(literals instanceof List)) throw bad(form)
    this.#literals = new Map(
      literals.items.map((literal) => {
        if (!(literal instanceof Sym)) throw bad(form)
        return [keyOf(literal), literal]
      }),
    )
    this.#rules = rules.map((rule) => {
      if (!(rule instanceof List) || rule.items.length !== 2 || !(rule.items[0] instanceof List)) throw bad(form)
      return [rule.items[0], rule.items[1] as Node]
    })
  }

  /** What a use of the macro stands for. @throws SyntaxFault when no pattern is like it */
  expand(form: List, isSame: (symbol: Sym, literal: Sym, scope: Scope) => boolean): Node {
    const same: IsSame = (symbol, literal) => isSame(symbol, literal, this.#scope)
    for (const [pattern, template] of this.#rules) {
      const matches: Matches = new Map()
      const rest = new List(pattern.items.slice(1), pattern.at, pattern.tail)
      if (!this.#match(rest, new List(form.items.slice(1), form.at, form.tail), matches, same)) continue
      return this.#instance(template, matches, new Map(), form.at, false)
    }
    throw new SyntaxFault(`${placeText(form.at)}: no pattern of ${plainName(form.items[0] as Sym)} is like this`)
  }

  #isEllipsis(node: Node | undefined): boolean {
    if (!(node instanceof Sym) || this.#literals.has(keyOf(node))) return false
    // One that another macro has inserted is one all the same.
    return this.#ellipsis === undefined ? plainName(node) === '...' : keyOf(node) === keyOf(this.#ellipsis)
  }

  #match(pattern: Node, node: Node, matches: Matches, same: IsSame): boolean {
    if (pattern instanceof Sym) {
      const literal = this.#literals.get(keyOf(pattern))
      if (literal) return node instanceof Sym && same(node, literal)
      if (pattern.name !== '_') matches.set(keyOf(pattern), node)
      return true
    }
    if (pattern instanceof List) {
      const isList = node instanceof List
      const items = isList ? node.items : []
      const tail = isList ? node.tail : node
      return this.#matchItems(pattern, items, tail, matches, same)
    }
    if (pattern instanceof Vec) {
      return node instanceof Vec && this.#matchItems(new List(pattern.items), node.items, undefined, matches, same)
    }
    return isSameDatum(pattern, node)
  }

  #matchItems(pattern: List, items: readonly Node[], tail: Node | undefined, matches: Matches, same: IsSame): boolean {
    const dots = pattern.items.findIndex((item) => this.#isEllipsis(item))
    const before = dots < 0 ? pattern.items : pattern.items.slice(0, dots - 1)
    const after = dots < 0 ? [] : pattern.items.slice(dots + 1)
    const repeated = items.length - before.length - after.length
    if (repeated < 0) return false
    if (!before.every((one, i) => this.#match(one, items[i] as Node, matches, same))) return false
    if (dots >= 0) {
      const many = items.slice(before.length, before.length + repeated)
      if (!this.#matchMany(pattern.items[dots - 1] as Node, many, matches, same)) return false
      const last = items.slice(before.length + repeated)
      if (!after.every((one, i) => this.#match(one, last[i] as Node, matches, same))) return false
      return this.#matchTail(pattern.tail, [], tail, matches, same)
    }
    return this.#matchTail(pattern.tail, items.slice(before.length), tail, matches, same)
  }

  /** What is left of a list against what is behind the dot of its pattern. */
  #matchTail(
    pattern: Node | undefined,
    items: readonly Node[],
    tail: Node | undefined,
    matches: Matches,
    same: IsSame,
  ): boolean {
    if (pattern === undefined) return items.length === 0 && tail === undefined
    const rest = items.length === 0 && tail !== undefined ? tail : new List(items, 0, tail)
    return this.#match(pattern, rest, matches, same)
  }

  #matchMany(pattern: Node, items: readonly Node[], matches: Matches, same: IsSame): boolean {
    const each: Matches[] = []
    for (const item of items) {
      const one: Matches = new Map()
      if (!this.#match(pattern, item, one, same)) return false
      each.push(one)
    }
    for (const name of this.#variablesOf(pattern)) {
      matches.set(
        name,
        each.map((one) => one.get(name) as Match),
      )
    }
    return true
  }

  #variablesOf(pattern: Node): (Sym | string)[] {
    if (pattern instanceof Sym) {
      const isVariable = !this.#isEllipsis(pattern) && !this.#literals.has(keyOf(pattern)) && pattern.name !== '_'
      return isVariable ? [keyOf(pattern)] : []
    }
    if (pattern instanceof Vec) return pattern.items.flatMap((item) => this.#variablesOf(item))
    if (!(pattern instanceof List)) return []
    const items = pattern.tail === undefined ? pattern.items : [...pattern.items, pattern.tail]
    return items.flatMap((item) => this.#variablesOf(item))
  }

  /** A template with its variables replaced. `isLiteral`: inside `(... ...)`, where an ellipsis is a name. */
  #instance(template: Node, matches: Matches, aliases: Map<Sym | string, Sym>, at: number, isLiteral: boolean): Node {
    if (template instanceof Sym) {
      const key = keyOf(template)
      const match = matches.get(key)
      if (match !== undefined) {
        if (isNode(match)) return match
        throw new SyntaxFault(`${placeText(at)}: ${template.name} needs an ellipsis behind it`)
      }
      const alias = aliases.get(key) ?? new Sym(template.name, at, template, this.#scope)
      aliases.set(key, alias)
      return alias
    }
    if (template instanceof Vec) {
      return new Vec(this.#instances(template.items, matches, aliases, at, isLiteral))
    }
    if (!(template instanceof List)) return template
    if (!isLiteral && template.items.length === 2 && this.#isEllipsis(template.items[0])) {
      return this.#instance(template.items[1] as Node, matches, aliases, at, true)
    }
    const items = this.#instances(template.items, matches, aliases, at, isLiteral)
    if (template.tail === undefined) return new List(items, at)
    const tail = this.#instance(template.tail, matches, aliases, at, isLiteral)
    return tail instanceof List ? new List([...items, ...tail.items], at, tail.tail) : new List(items, at, tail)
  }

  #instances(
    templates: readonly Node[],
    matches: Matches,
    aliases: Map<Sym | string, Sym>,
    at: number,
    isLiteral: boolean,
  ): Node[] {
    const made: Node[] = []
    for (let i = 0; i < templates.length; i++) {
      const template = templates[i] as Node
      let depth = 0
      while (!isLiteral && this.#isEllipsis(templates[i + 1])) {
        depth++
        i++
      }
      if (depth === 0) made.push(this.#instance(template, matches, aliases, at, isLiteral))
      else made.push(...this.#repeat(template, depth, matches, aliases, at))
    }
    return made
  }

  /** One instance for each item of what the template's variables stand for. */
  #repeat(template: Node, depth: number, matches: Matches, aliases: Map<Sym | string, Sym>, at: number): Node[] {
    if (depth === 0) return [this.#instance(template, matches, aliases, at, false)]
    const names = this.#variablesOf(template).filter((name) => Array.isArray(matches.get(name)))
    if (names.length === 0) throw new SyntaxFault(`${placeText(at)}: nothing to repeat before an ellipsis`)
    const lists = names.map((name) => matches.get(name) as readonly Match[])
    const count = Math.max(...lists.map((list) => list.length))
    if (lists.some((list) => list.length !== count)) {
      throw new SyntaxFault(`${placeText(at)}: what is repeated has different lengths`)
    }
    const made: Node[] = []
    for (let i = 0; i < count; i++) {
      const one = new Map(matches)
      names.forEach((name, n) => {
        one.set(name, lists[n]?.[i] as Match)
      })
      made.push(...this.#repeat(template, depth - 1, one, aliases, at))
    }
    return made
  }
}

const isNode = (match: Match): match is Node => !Array.isArray(match)

function isSameDatum(pattern: Node, node: Node): boolean {
  if (pattern instanceof Num) {
    return node instanceof Num && node.isExact === pattern.isExact && node.value === pattern.value
  }
  if (typeof pattern === 'object' && 'codePoint' in pattern) {
    return typeof node === 'object' && 'codePoint' in node && node.codePoint === pattern.codePoint
  }
  return pattern === node
}

function bad(form: Node): SyntaxFault {
  const at = form instanceof List ? form.at : 0
  return new SyntaxFault(`${placeText(at)}: a macro is (syntax-rules (literal ...) (pattern template) ...)`)
}

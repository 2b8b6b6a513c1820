/**
 * What names mean while a form is compiled. A scope binds names of the text by their spelling, and aliases, which macros
 * insert, by themselves: so neither captures the other.
 */
import type { Lambda } from './ast.js'
import type { Macro } from './macros.js'
import { Sym } from './syntax.js'

/** A local variable. */
export class Variable {
  readonly name: string
  /** The procedure whose frame has it. */
  readonly owner: Lambda
  isAssigned = false
  /** A closure has it among its values. */
  isCaptured = false
  /** Bound by `letrec` or a definition in a body, and not sure to have its value yet. */
  isEarly = false
  /** Captured while it had no value. */
  isCapturedEarly = false
  /** The procedure that is its value from the start: references from its body need not be captured. */
  lambda: Lambda | undefined
  readonly selfReferences = new Set<Lambda>()
  /** Where it is in the frame; known when code is generated. */
  slot = -1

  constructor(name: string, owner: Lambda) {
    this.name = name
    this.owner = owner
  }

  /** Closures and continuations copy values; what changes after it was copied lies in a box that they share. */
  get isBoxed(): boolean {
    return this.isAssigned || (this.isCaptured && this.isCapturedEarly)
  }
}

/** A loop's name: jumps to it from tail positions need no procedure. */
export class LoopName {
  readonly name: string
  readonly parameters: number
  references = 0
  jumps = 0
  /** The variables and the place to jump to, when code is generated. */
  variables: readonly Variable[] = []
  head = -1
  depth = -1

  constructor(name: string, parameters: number) {
    this.name = name
    this.parameters = parameters
  }
}

/** A keyword of the language, by name. */
export class Keyword {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

export class Global {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

export type Binding = Variable | LoopName | Macro | Keyword | Global

export class Scope {
  readonly parent: Scope | undefined
  /** That of names which mean what they do in the language. */
  readonly isRoot: boolean
  readonly #names = new Map<string | Sym, Binding>()

  constructor(parent: Scope | undefined, isRoot = false) {
    this.parent = parent
    this.isRoot = isRoot
  }

  bind(symbol: Sym, binding: Binding): void {
    this.#names.set(symbol.original ? symbol : symbol.name, binding)
  }

  binds(symbol: Sym): boolean {
    return this.#names.has(symbol.original ? symbol : symbol.name)
  }

  /** The binding of a name in this scope or one around it; undefined: the name is global. */
  find(symbol: Sym): Binding | undefined {
    let sought = symbol
    let start: Scope | undefined = this
    for (;;) {
      const key = sought.original ? sought : sought.name
      for (let scope = start; scope; scope = scope.parent) {
        const found = scope.#names.get(key)
        if (found) return found
      }
      if (!sought.original) return undefined
      start = sought.scope
      sought = sought.original
    }
  }
}

/** A name that means what it does in the language, whatever the program binds. */
const ROOT = new Scope(undefined, true)
export const core = (name: string, at = 0): Sym => new Sym(name, at, new Sym(name, at), ROOT)

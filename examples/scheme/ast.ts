/** What a form means, once its macros and derived forms are gone: between the expander and the generator of code. */
import type { Global, LoopName, Variable } from './scope.js'
import type { Node } from './syntax.js'

/** A procedure of the text. */
export class Lambda {
  readonly outer: Lambda | undefined
  name: string
  readonly at: number
  parameters: Variable[] = []
  hasRest = false
  /** Variables of procedures around it whose values its closures have, in their order. */
  readonly free: Variable[] = []
  body: Ast = { kind: 'sequence', steps: [] }

  constructor(outer: Lambda | undefined, name: string, at: number) {
    this.outer = outer
    this.name = name
    this.at = at
  }
}

export type Ast =
  | { readonly kind: 'constant'; readonly value: Node }
  | { readonly kind: 'local'; readonly variable: Variable; readonly at: number; readonly isChecked: boolean }
  | { readonly kind: 'set-local'; readonly variable: Variable; readonly value: Ast; readonly at: number }
  | { readonly kind: 'global'; readonly global: Global; readonly at: number }
  | { readonly kind: 'set-global'; readonly global: Global; readonly value: Ast; readonly at: number }
  | { readonly kind: 'define'; readonly global: Global; readonly value: Ast }
  | { readonly kind: 'if'; readonly test: Ast; readonly consequent: Ast; readonly otherwise: Ast }
  | { readonly kind: 'or'; readonly terms: readonly Ast[] }
  | { readonly kind: 'sequence'; readonly steps: readonly Ast[] }
  | { readonly kind: 'lambda'; readonly lambda: Lambda }
  | { readonly kind: 'call'; readonly procedure: Ast; readonly operands: readonly Ast[]; readonly at: number }
  /** A primitive that the program has not defined anew. */
  | { readonly kind: 'primitive'; readonly name: string; readonly operands: readonly Ast[]; readonly at: number }
  | {
      readonly kind: 'let'
      readonly variables: readonly Variable[]
      readonly values: readonly Ast[]
      readonly body: Ast
    }
  /** Variables without values; steps of kind `initialise` give them some. */
  | { readonly kind: 'letrec'; readonly variables: readonly Variable[]; readonly steps: readonly Ast[] }
  | { readonly kind: 'initialise'; readonly variable: Variable; readonly value: Ast }
  | { readonly kind: 'loop'; readonly loop: LoopName; readonly values: readonly Ast[]; readonly body: Ast }
  | { readonly kind: 'jump'; readonly loop: LoopName; readonly values: readonly Ast[] }

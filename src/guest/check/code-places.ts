/**
 * Where the code of an instrumented module comes from: from a place in it to the function and the place in the module
 * as it was.
 *
 * The code is copied in stretches, between which calls of the checker are put; each stretch is entered once, in order,
 * so that a place is found by bisection.
 */

/** A place in the original module. */
export interface CodePlace {
  /** Index of the function, imports included. */
  readonly function: number
  /** The instruction, in bytes from the start of the module. */
  readonly offset: number
}

export class CodePlaces {
  /** Where the contents of the code section begin in the instrumented module; known when all is written. */
  sectionAt = 0
  readonly #to: number[] = []
  readonly #from: number[] = []
  readonly #functions: number[] = []
  readonly #isPutIn: boolean[] = []

  /**
   * A stretch begins.
   * @param to in the contents of the new code section; in ascending order
   * @param from in the original module
   * @param index of the function
   * @param isPutIn all of it belongs to the instruction at `from`; else it was copied from there
   */
  enter(to: number, from: number, index: number, isPutIn: boolean): void {
    this.#to.push(to)
    this.#from.push(from)
    this.#functions.push(index)
    this.#isPutIn.push(isPutIn)
  }

  /** The original place of a byte of the instrumented module; undefined in front of all code. */
  find(at: number): CodePlace | undefined {
    const wanted = at - this.sectionAt
    let low = 0
    let high = this.#to.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#to[middle] as number) <= wanted) low = middle + 1
      else high = middle
    }
    const found = low - 1
    if (found < 0) return undefined
    const passed = this.#isPutIn[found] ? 0 : wanted - (this.#to[found] as number)
    return { function: this.#functions[found] as number, offset: (this.#from[found] as number) + passed }
  }
}

/**
 * Steps that must all be made, such as those of an end, whichever of them fails: what the first failure threw is thrown
 * when all is done.
 */
export class Attempts {
  readonly #errors: unknown[] = []

  /** Make a step. */
  make(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#errors.push(error)
    }
  }

  /** @throws what the first step that failed threw */
  settle(): void {
    if (this.#errors.length > 0) throw this.#errors[0]
  }
}

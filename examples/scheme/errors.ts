/** What the language's host is told when a program ends with an error, or when its text cannot be read. */

/** Nothing has handled an error of the program. The heap is as good as before, and the next form can be run. */
export class SchemeError extends Error {
  override readonly name: string = 'SchemeError'
}

/** The text is no program: it cannot be read, or a form in it is wrong. `isIncomplete`: more text may put it right. */
export class SyntaxFault extends SchemeError {
  override readonly name = 'SyntaxFault'
  readonly isIncomplete: boolean

  constructor(message: string, isIncomplete = false) {
    super(message)
    this.isIncomplete = isIncomplete
  }
}

/** The program has asked to end. */
export class SchemeExit extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

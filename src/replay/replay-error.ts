/** The heap answered something that no correct heap answers. */
export class ReplayError extends Error {
  readonly code = 'HW_REPLAY'

  constructor(reason: string) {
    super(reason)
    this.name = 'ReplayError'
  }
}

/** The part of cli-progress that is used here; the package has no types of its own. */
declare module 'cli-progress' {
  interface Options {
    format?: string
    stream?: NodeJS.WritableStream
    clearOnComplete?: boolean
    gracefulExit?: boolean
    fps?: number
  }
  class SingleBar {
    constructor(options: Options, preset?: object)
    start(total: number, value: number, payload?: Record<string, string>): void
    update(value: number, payload?: Record<string, string>): void
    stop(): void
  }
  const cliProgress: { SingleBar: typeof SingleBar; Presets: { shades_classic: object; legacy: object } }
  export default cliProgress
}

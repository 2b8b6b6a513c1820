/** A progress bar on standard error while that is a terminal; nothing at all in a pipe. */

import cliProgress from 'cli-progress'

const STEPS = 1000

export class Progress {
  readonly #bar: InstanceType<typeof cliProgress.SingleBar> | undefined
  readonly #jobs: number
  #done = 0
  #name = ''

  /** @param jobs how many pieces of work of about the same length there are */
  constructor(jobs: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#jobs = jobs
    if (!stream.isTTY) return
    const format = ' {bar} {percentage}% {name}'
    // No signal handler and no hidden cursor: Ctrl-C ends a long synchronous replay at once and leaves nothing behind.
    this.#bar = new cliProgress.SingleBar({ format, stream, clearOnComplete: true, gracefulExit: false, fps: 15 })
    this.#bar.start(STEPS, 0, { name: '' })
  }

  /** The next piece of work begins. */
  begin(name: string): void {
    this.#name = name
    this.share(0)
  }

  /** Share (0 to 1) of the current piece that is done. */
  share(done: number): void {
    this.#bar?.update(Math.floor(((this.#done + done) / this.#jobs) * STEPS), { name: this.#name })
  }

  /** `jobs` pieces of work ended, whether well or not. */
  end(jobs = 1): void {
    this.#done += jobs
    this.share(0)
  }

  /** Takes the bar away. */
  stop(): void {
    this.#bar?.stop()
  }
}

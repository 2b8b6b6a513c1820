/** The object tests in mode `server`: see `in-mode.ts`. */
import { createIn } from './in-mode.js'

createIn('server')

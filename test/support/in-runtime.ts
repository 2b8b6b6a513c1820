/** The object tests in mode `runtime`: see `in-mode.ts`. */
import { createIn } from './in-mode.js'

createIn('runtime')

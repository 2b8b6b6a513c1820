/**
 * Ranges of pages, checked: what both page systems do first. The view that is given back is bound to the memory's
 * buffer as it is now, and is good until the next growth.
 */
import { ArgumentError } from '../errors.js'

/** The range as bytes. @throws ArgumentError when it is not of whole pages, or not within the memory */
export function pageRange(memory: WebAssembly.Memory, address: number, bytes: number, pageBytes: number): Uint8Array {
  const buffer: ArrayBufferLike = memory.buffer
  if (typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer) {
    throw new ArgumentError('memory', memory, 'a memory that is not shared between threads')
  }
  checkPages('address', address, pageBytes, buffer.byteLength)
  checkPages('bytes', bytes, pageBytes, buffer.byteLength - address)
  return new Uint8Array(buffer, address, bytes)
}

function checkPages(argument: string, value: number, pageBytes: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most && value % pageBytes === 0) return
  throw new ArgumentError(argument, value, `a multiple of ${pageBytes} from 0 to ${most}`)
}

/** Check a place of a file. @throws ArgumentError */
export function checkFileOffset(offsetBytes: number, pageBytes: number): void {
  checkPages('offsetBytes', offsetBytes, pageBytes, Number.MAX_SAFE_INTEGER)
}

/** The whole heap verified: memory and blocks first, then the objects in it. */
import { verifyObjects } from './objects'
import { verify } from './verify'

/** 0 when every invariant holds, else the fault found. */
export function verifyAll(): u32 {
  const found = verify()
  return found ? found : verifyObjects()
}

import { int64 } from '../numbers.ts'
import { errors } from '../reply.ts'

const INT64_MAX = 2n ** 63n - 1n

export type TimeUnit = 's' | 'ms'

/** EX, PX, EXAT and PXAT: unit and whether the time is counted from now. */
export const timeOptions: Readonly<Record<string, { readonly unit: TimeUnit; readonly relative: boolean }>> = {
  ex: { unit: 's', relative: true },
  px: { unit: 'ms', relative: true },
  exat: { unit: 's', relative: false },
  pxat: { unit: 'ms', relative: false },
}

/**
 * The end of a key's life in ms since the epoch, from an argument in seconds or milliseconds, counted from `now` or from the epoch (now = 0).
 * `positive`: zero and below are errors (SET, GETEX); EXPIRE takes them as "at once".
 */
export function expiryTime(text: string, unit: TimeUnit, now: number, command: string, positive: boolean): number {
  let value = int64(text)
  if (value === undefined) throw errors.notInteger()
  if (positive && value <= 0n) throw errors.invalidExpire(command)
  if (unit === 's') {
    if (value > INT64_MAX / 1000n || value < -INT64_MAX / 1000n) throw errors.invalidExpire(command)
    value *= 1000n
  }
  if (value > INT64_MAX - BigInt(now)) throw errors.invalidExpire(command)
  return Number(value) + now
}

/** Brings pixels from a camera's colour space to sRGB, on the small picture, where it costs little. */
import { readRgbProfile } from './icc.ts'
import type { Raster } from './raster.ts'

/** XYZ under D50 to linear sRGB (IEC 61966-2-1, adapted with Bradford; lindbloom.com). */
const XYZ_TO_SRGB = [
  3.1338561, -1.6168667, -0.4906146, -0.9787684, 1.9161415, 0.033454, 0.0719453, -0.2289914, 1.4052427,
]

/** Steps of the table back to 8 bits: fine enough that the darkest tones keep their value. */
const STEPS = 4095

const encoded = (linear: number) => 255 * (linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055)

const FROM_LINEAR = Uint8Array.from({ length: STEPS + 1 }, (_, step) => Math.round(encoded(step / STEPS)))

const product = (a: readonly number[], b: readonly number[]) =>
  Array.from({ length: 9 }, (_, i) =>
    [0, 1, 2].reduce((sum, k) => sum + a[Math.floor(i / 3) * 3 + k]! * b[k * 3 + (i % 3)]!, 0),
  )

/** Profiles that are sRGB by another name: no channel of any pixel would move by more than about one step. */
function isSrgb(matrix: readonly number[], toLinear: Float32Array): boolean {
  const offIdentity = matrix.some((value, i) => Math.abs(value - (i % 4 === 0 ? 1 : 0)) > 0.01)
  return !offIdentity && [32, 128, 224].every((value) => Math.abs(encoded(toLinear[value]!) - value) < 1.5)
}

/** @returns the same raster where there is no profile, or one that changes nothing. */
export function toSrgb(raster: Raster, profile: Uint8Array | undefined): Raster {
  const space = profile && readRgbProfile(profile)
  if (!space) return raster
  const { toLinear } = space
  const m = product(XYZ_TO_SRGB, space.toXyz)
  if (isSrgb(m, toLinear)) return raster
  const data = raster.data.slice()
  const tone = (linear: number) => FROM_LINEAR[Math.max(0, Math.min(STEPS, Math.round(linear * STEPS)))]!
  for (let at = 0; at < data.length; at += raster.channels) {
    const r = toLinear[data[at]!]!
    const g = toLinear[data[at + 1]!]!
    const b = toLinear[data[at + 2]!]!
    data[at] = tone(m[0]! * r + m[1]! * g + m[2]! * b)
    data[at + 1] = tone(m[3]! * r + m[4]! * g + m[5]! * b)
    data[at + 2] = tone(m[6]! * r + m[7]! * g + m[8]! * b)
  }
  return { ...raster, data }
}

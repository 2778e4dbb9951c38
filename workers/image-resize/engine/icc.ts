/**
 * Reads the ICC profiles that cameras write (ICC.1:2022): three primaries and a tone curve, as in Display P3 or Adobe RGB.
 * Answers carry no profile, so their pixels have to be sRGB.
 */

export interface RgbProfile {
  /** Red, green and blue primaries as columns, in XYZ under D50; three rows of three. */
  readonly toXyz: readonly number[]
  /** The linear light, 0–1, of each 8-bit value. */
  readonly toLinear: Float32Array
}

const COLOUR_SPACE = 16
const TAG_COUNT = 128
const MOST_TAGS = 100

/** @returns undefined for anything but a three-primary RGB profile: such pictures are taken for sRGB. */
export function readRgbProfile(bytes: Uint8Array): RgbProfile | undefined {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    if (signature(data, COLOUR_SPACE) !== 'RGB ') return undefined
    const tags = readTags(data)
    const primaries = ['rXYZ', 'gXYZ', 'bXYZ'].map((name) => tags.get(name))
    const curve = tags.get('rTRC')
    const [red, green, blue] = primaries.map((at) => (at === undefined ? undefined : readXyz(data, at)))
    if (!red || !green || !blue || curve === undefined) return undefined
    const toXyz = [0, 1, 2].flatMap((row) => [red[row]!, green[row]!, blue[row]!])
    const tone = readCurve(data, curve)
    return { toXyz, toLinear: Float32Array.from({ length: 256 }, (_, value) => tone(value / 255)) }
  } catch (fault) {
    // A profile that points outside itself must not cost the picture.
    if (fault instanceof RangeError) return undefined
    throw fault
  }
}

const signature = (data: DataView, at: number) =>
  String.fromCharCode(...[0, 1, 2, 3].map((offset) => data.getUint8(at + offset)))

const fixed16 = (data: DataView, at: number) => data.getInt32(at) / 65_536

function readTags(data: DataView): Map<string, number> {
  const tags = new Map<string, number>()
  const count = Math.min(data.getUint32(TAG_COUNT), MOST_TAGS)
  for (let i = 0; i < count; i++) {
    const entry = TAG_COUNT + 4 + i * 12
    tags.set(signature(data, entry), data.getUint32(entry + 4))
  }
  return tags
}

const readXyz = (data: DataView, at: number) => [8, 12, 16].map((offset) => fixed16(data, at + offset))

type Tone = (value: number) => number

/** Tone curves are a gamma, a table (`curv`) or one of five formulas (`para`, §10.18). */
function readCurve(data: DataView, at: number): Tone {
  if (signature(data, at) === 'para') return parametric(data, at)
  const count = data.getUint32(at + 8)
  if (count === 0) return (value) => value
  if (count === 1) {
    const gamma = data.getUint16(at + 12) / 256
    return (value) => value ** gamma
  }
  return (value) => {
    const place = value * (count - 1)
    const lower = Math.min(count - 2, Math.floor(place))
    const sample = (index: number) => data.getUint16(at + 12 + index * 2) / 65_535
    return sample(lower) + (place - lower) * (sample(lower + 1) - sample(lower))
  }
}

function parametric(data: DataView, at: number): Tone {
  const kind = data.getUint16(at + 8)
  const counts = [1, 3, 4, 5, 7]
  const values = Array.from({ length: counts[kind] ?? 1 }, (_, i) => fixed16(data, at + 12 + i * 4))
  const [g = 1, a = 1, b = 0, c = 0] = values
  const power = (x: number) => Math.max(0, a * x + b) ** g
  if (kind === 1) return (x) => (x >= -b / a ? power(x) : 0)
  if (kind === 2) return (x) => (x >= -b / a ? power(x) + c : c)
  if (kind < 3 || kind > 4) return power
  const [d = 0, e = 0, f = 0] = values.slice(4)
  return (x) => (x >= d ? power(x) + e : c * x + f)
}

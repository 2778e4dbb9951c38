/** Weights of the Lanczos-3 filter for one axis, stretched when shrinking (Duchon 1979; what libvips and ImageMagick use). */

/** Lobes of the filter: three keep edges sharp with little ringing. */
const LOBES = 3

export interface AxisWeights {
  /** Weights for each output sample; short runs are filled with zeros. */
  readonly taps: number
  /** First source sample of each output sample. */
  readonly first: Int32Array
  /** `taps` weights for each output sample, summing to one. */
  readonly weights: Float32Array
}

function lanczos(x: number): number {
  if (x === 0) return 1
  if (Math.abs(x) >= LOBES) return 0
  const angle = Math.PI * x
  return (LOBES * Math.sin(angle) * Math.sin(angle / LOBES)) / (angle * angle)
}

/**
 * @param available source samples that exist.
 * @param start first source sample to keep, may lie between samples.
 * @param length how many source samples to keep, at least `target`.
 * @param target output samples.
 */
export function axisWeights(available: number, start: number, length: number, target: number): AxisWeights {
  const scale = length / target
  const reach = LOBES * Math.max(1, scale)
  const taps = Math.min(available, Math.ceil(2 * reach) + 1)
  const first = new Int32Array(target)
  const weights = new Float32Array(target * taps)
  for (let i = 0; i < target; i++) {
    const centre = start + (i + 0.5) * scale - 0.5
    const from = Math.min(Math.max(0, Math.ceil(centre - reach)), available - taps)
    first[i] = from
    let sum = 0
    for (let t = 0; t < taps; t++) {
      const weight = lanczos((from + t - centre) / Math.max(1, scale))
      weights[i * taps + t] = weight
      sum += weight
    }
    for (let t = 0; t < taps; t++) weights[i * taps + t]! /= sum
  }
  return { taps, first, weights }
}

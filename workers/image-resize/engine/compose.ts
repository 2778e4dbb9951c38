/** Puts the scaled picture where it belongs: onto padding and background, as the RGBA that encoders take. */
import type { ResizePlan } from '#core/image/plan.ts'
import type { Raster } from './raster.ts'

/** RGBA of the whole canvas. */
export function compose(raster: Raster, { canvas, background, flatten }: ResizePlan): Uint8Array {
  const output = new Uint8Array(canvas.width * canvas.height * 4)
  const colour = [0, 2, 4].map((at) => Number.parseInt(background.slice(at, at + 2), 16))
  if (canvas.width !== raster.width || canvas.height !== raster.height) fill(output, colour)
  for (let y = 0; y < raster.height; y++) {
    const from = y * raster.width * raster.channels
    const to = ((canvas.y + y) * canvas.width + canvas.x) * 4
    if (raster.channels === 3) copyOpaque(raster, from, output, to)
    else blend(raster, from, output, to, flatten ? colour : null)
  }
  return output
}

function copyOpaque({ data, width }: Raster, from: number, output: Uint8Array, to: number): void {
  for (let x = 0; x < width; x++, from += 3, to += 4) {
    output[to] = data[from]!
    output[to + 1] = data[from + 1]!
    output[to + 2] = data[from + 2]!
    output[to + 3] = 255
  }
}

/** @param colour what shows through; null: transparency stays */
function blend(
  { data, width }: Raster,
  from: number,
  output: Uint8Array,
  to: number,
  colour: readonly number[] | null,
): void {
  for (let x = 0; x < width; x++, from += 4, to += 4) {
    const alpha = data[from + 3]!
    const share = alpha / 255
    for (let c = 0; c < 3; c++) {
      output[to + c] = colour === null ? data[from + c]! : data[from + c]! * share + colour[c]! * (1 - share) + 0.5
    }
    output[to + 3] = colour === null ? alpha : 255
  }
}

function fill(pixels: Uint8Array, colour: readonly number[]): void {
  for (let at = 0; at < pixels.length; at += 4) {
    pixels[at] = colour[0]!
    pixels[at + 1] = colour[1]!
    pixels[at + 2] = colour[2]!
    pixels[at + 3] = 255
  }
}

/** Puts the scaled picture where it belongs: onto padding and background, as the RGBA that encoders take. */
import type { ResizePlan } from '#core/image/plan.ts'
import type { Raster } from './raster.ts'

/** RGBA of the whole canvas. */
export function compose(raster: Raster, { canvas, background, flatten }: ResizePlan): Uint8Array {
  const output = new Uint8Array(canvas.width * canvas.height * 4)
  const colour = [0, 2, 4].map((at) => Number.parseInt(background.slice(at, at + 2), 16))
  if (canvas.width !== raster.width || canvas.height !== raster.height) fill(output, colour)
  for (let y = 0; y < raster.height; y++) {
    let from = y * raster.width * raster.channels
    let to = ((canvas.y + y) * canvas.width + canvas.x) * 4
    for (let x = 0; x < raster.width; x++, from += raster.channels, to += 4) {
      const alpha = raster.channels === 4 ? raster.data[from + 3]! : 255
      const share = flatten ? alpha / 255 : 1
      for (let c = 0; c < 3; c++) output[to + c] = raster.data[from + c]! * share + colour[c]! * (1 - share) + 0.5
      output[to + 3] = flatten ? 255 : alpha
    }
  }
  return output
}

function fill(pixels: Uint8Array, colour: readonly number[]): void {
  for (let at = 0; at < pixels.length; at += 4) {
    pixels[at] = colour[0]!
    pixels[at + 1] = colour[1]!
    pixels[at + 2] = colour[2]!
    pixels[at + 3] = 255
  }
}

/** Turns pictures upright (EXIF orientations 1–8): rectangles before resampling, the small result after it. */
import type { Orientation } from '#core/image/header/index.ts'
import type { Rectangle, Size } from '#core/image/plan.ts'
import type { Raster } from './raster.ts'

/** Mirrored and turned: what each orientation does to get from upright to stored coordinates. */
const STEPS: Readonly<Record<Orientation, { swap: boolean; flipX: boolean; flipY: boolean }>> = Object.freeze({
  1: { swap: false, flipX: false, flipY: false },
  2: { swap: false, flipX: true, flipY: false },
  3: { swap: false, flipX: true, flipY: true },
  4: { swap: false, flipX: false, flipY: true },
  5: { swap: true, flipX: false, flipY: false },
  6: { swap: true, flipX: false, flipY: true },
  7: { swap: true, flipX: true, flipY: true },
  8: { swap: true, flipX: true, flipY: false },
})

/** The same rectangle in the picture as it is stored. @param stored size of the stored picture. */
export function storedRectangle(upright: Rectangle, stored: Size, orientation: Orientation): Rectangle {
  const { swap, flipX, flipY } = STEPS[orientation]
  const { x, y, width, height } = swap
    ? { x: upright.y, y: upright.x, width: upright.height, height: upright.width }
    : upright
  return { x: flipX ? stored.width - x - width : x, y: flipY ? stored.height - y - height : y, width, height }
}

/** The raster upright; the same object when there is nothing to turn. */
export function turnUpright(raster: Raster, orientation: Orientation): Raster {
  if (orientation === 1) return raster
  const { swap, flipX, flipY } = STEPS[orientation]
  const { channels, width: storedWidth, height: storedHeight } = raster
  const [width, height] = swap ? [storedHeight, storedWidth] : [storedWidth, storedHeight]
  const data = new Uint8Array(raster.data.length)
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      const column = swap ? y : x
      const row = swap ? x : y
      const from =
        ((flipY ? storedHeight - 1 - row : row) * storedWidth + (flipX ? storedWidth - 1 - column : column)) * channels
      for (let c = 0; c < channels; c++) data[to + c] = raster.data[from + c]!
    }
  }
  return { data, width, height, channels }
}

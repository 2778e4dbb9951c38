/** The curve of cores over thresholds as an SVG for the docs: no library, three lines and two axes. */
import type { Plan } from './model.ts'

const WIDTH = 720
const HEIGHT = 360
const LEFT = 70
const RIGHT = 40
const TOP = 30
const BOTTOM = 50

/** Nearly all is reads: the line of all is broad, so that it shows below theirs. */
const LINES = [
  { name: 'all', colour: '#cbd2d9', width: 7, of: (plan: Plan) => plan.cores },
  { name: 'reads', colour: '#2563eb', width: 2, of: (plan: Plan) => shareOf(plan, plan.readCpuSeconds) },
  { name: 'writes', colour: '#d97706', width: 2, of: (plan: Plan) => shareOf(plan, plan.writeCpuSeconds) },
]

const shareOf = (plan: Plan, seconds: number) => (plan.cores * seconds) / (plan.readCpuSeconds + plan.writeCpuSeconds)

/** Thresholds and cores along logarithmic axes, for writes cost a thousandth of what reads cost; `best` is marked. */
export function drawCurve(plans: readonly Plan[], best: Plan): string {
  const cores = plans.flatMap((plan) => LINES.map(({ of }) => of(plan))).filter((value) => value > 0)
  const across = axis(
    plans.map(({ threshold }) => threshold),
    LEFT,
    WIDTH - RIGHT,
  )
  const up = axis(cores, HEIGHT - BOTTOM, TOP)
  const text = (atX: number, atY: number, words: string, anchor = 'middle', colour = '#52606d') =>
    `<text x="${atX.toFixed(1)}" y="${atY.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`
  const lines = LINES.map(({ name, colour, width, of }, i) => {
    const points = plans
      .filter((plan) => of(plan) > 0)
      .map((plan) => `${across.at(plan.threshold).toFixed(1)},${up.at(of(plan)).toFixed(1)}`)
    const legend = text(LEFT + 20 + i * 70, TOP - 10, name, 'start', name === 'all' ? '#52606d' : colour)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="${width}"/>${legend}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<title>Cores by the number of followers from which on an author is pulled</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...up.decades.map(
      (decade) =>
        `<path d="M${LEFT} ${up.at(decade).toFixed(1)}H${WIDTH - RIGHT}" stroke="#e4e7eb"/>${text(LEFT - 8, up.at(decade) + 4, decade.toLocaleString('en'), 'end')}`,
    ),
    ...across.decades.map((decade) => text(across.at(decade), HEIGHT - BOTTOM + 20, decade.toLocaleString('en'))),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'followers from which on an author is pulled'),
    text(LEFT - 8, TOP - 10, 'cores', 'end'),
    ...lines,
    `<circle cx="${across.at(best.threshold).toFixed(1)}" cy="${up.at(best.cores).toFixed(1)}" r="6" fill="none" stroke="#1f2933" stroke-width="2"/>`,
    '</svg>\n',
  ].join('\n')
}

/** A logarithmic axis from one place of the picture to another that holds all the values, whole powers of ten at its ends. */
function axis(values: readonly number[], from: number, to: number) {
  const logs = values.map(Math.log10)
  const [first, last] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))]
  return {
    at: (value: number) => from + ((Math.log10(value) - first) / (last - first)) * (to - from),
    // 10 ** -1 would be 0.1 only nearly.
    decades: Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`)),
  }
}

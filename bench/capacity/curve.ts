/** The curve of cores over thresholds as an SVG for the docs: no library, three lines and two axes. */
import type { Plan } from './model.ts'

const WIDTH = 720
const HEIGHT = 360
const LEFT = 70
const RIGHT = 20
const TOP = 30
const BOTTOM = 50

const LINES = [
  { name: 'all', colour: '#1f2933', of: (plan: Plan) => plan.cores },
  { name: 'reads', colour: '#2563eb', of: (plan: Plan) => shareOf(plan, plan.readCpuSeconds) },
  { name: 'writes', colour: '#d97706', of: (plan: Plan) => shareOf(plan, plan.writeCpuSeconds) },
]

const shareOf = (plan: Plan, seconds: number) => (plan.cores * seconds) / (plan.readCpuSeconds + plan.writeCpuSeconds)

/** Thresholds along a logarithmic axis, cores on a linear one; `best` is marked. */
export function drawCurve(plans: readonly Plan[], best: Plan): string {
  const logs = plans.map(({ threshold }) => Math.log10(threshold))
  const [from, to] = [Math.min(...logs), Math.max(...logs)]
  const highest = Math.max(...plans.map(({ cores }) => cores)) * 1.05
  const x = (threshold: number) => LEFT + ((Math.log10(threshold) - from) / (to - from)) * (WIDTH - LEFT - RIGHT)
  const y = (cores: number) => HEIGHT - BOTTOM - (cores / highest) * (HEIGHT - TOP - BOTTOM)
  const text = (atX: number, atY: number, words: string, anchor = 'middle', colour = '#52606d') =>
    `<text x="${atX.toFixed(1)}" y="${atY.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`
  const lines = LINES.map(({ name, colour, of }, i) => {
    const points = plans.map((plan) => `${x(plan.threshold).toFixed(1)},${y(of(plan)).toFixed(1)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>${text(LEFT + 20 + i * 70, TOP - 10, name, 'start', colour)}`
  })
  const decades = Array.from({ length: Math.floor(to) - Math.ceil(from) + 1 }, (_, i) => 10 ** (Math.ceil(from) + i))
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => (share * highest) / 1.05)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...steps.map(
      (cores) =>
        `<path d="M${LEFT} ${y(cores).toFixed(1)}H${WIDTH - RIGHT}" stroke="#e4e7eb"/>${text(LEFT - 8, y(cores) + 4, String(Math.round(cores)), 'end')}`,
    ),
    ...decades.map((decade) => text(x(decade), HEIGHT - BOTTOM + 20, decade.toLocaleString('en'))),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'followers from which on an author is pulled'),
    text(LEFT - 8, TOP - 10, 'cores', 'end'),
    ...lines,
    `<circle cx="${x(best.threshold).toFixed(1)}" cy="${y(best.cores).toFixed(1)}" r="5" fill="none" stroke="#1f2933" stroke-width="2"/>`,
    '</svg>\n',
  ].join('\n')
}

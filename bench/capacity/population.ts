/**
 * People by how many follow them: a log-normal body and a Pareto tail, as follower counts of large networks have it
 * (Kwak et al., "What is Twitter, a social network or a news media?", WWW 2010: an exponent of about 2.3, which is the 1.3
 * of a Pareto tail; the body bends away from the power law).
 */

/** Authors who are much alike: `people` of them, each with about `followers` followers. */
export interface Audience {
  people: number
  followers: number
}

export interface PopulationShape {
  people: number
  /** Median followers of the body. */
  median: number
  /** Standard deviation of the body's logarithm (natural). */
  sigma: number
  /** Share of people in the tail; it begins where the body's quantile leaves off. */
  tailShare: number
  /** Exponent of the tail; above 1, or the mean would not exist. */
  alpha: number
}

export const HUNDRED_MILLION: PopulationShape = {
  people: 100_000_000,
  median: 60,
  sigma: 1.5,
  tailShare: 0.01,
  alpha: 1.3,
}

const BODY_CLASSES = 20_000
/** Classes for each factor of ten of rank: the first ranks are resolved one by one. */
const TAIL_CLASSES_PER_DECADE = 2_000

/**
 * The population in classes, most followed first. Each class is drawn once within its own stretch of the distribution
 * (stratified), so that a seed changes figures by less than their last digit.
 */
export function population(shape: PopulationShape, random: () => number): Audience[] {
  return [...tail(shape, random), ...body(shape, random)]
}

function tail({ people, tailShare, alpha, median, sigma }: PopulationShape, random: () => number): Audience[] {
  const inTail = Math.round(people * tailShare)
  const least = median * Math.exp(sigma * normalQuantile(1 - tailShare))
  const step = 10 ** (1 / TAIL_CLASSES_PER_DECADE)
  const classes: Audience[] = []
  for (let rank = 0; rank < inTail; ) {
    const next = Math.min(inTail, Math.max(rank + 1, Math.floor(rank * step)))
    const share = (rank + random() * (next - rank)) / inTail
    const followers = Math.min(people - 1, least * Math.max(share, 0.5 / inTail) ** (-1 / alpha))
    classes.push({ people: next - rank, followers: Math.round(followers) })
    rank = next
  }
  return classes.sort((a, b) => b.followers - a.followers)
}

function body({ people, tailShare, median, sigma }: PopulationShape, random: () => number): Audience[] {
  const inBody = people - Math.round(people * tailShare)
  return Array.from({ length: BODY_CLASSES }, (_, i) => {
    const quantile = (1 - tailShare) * (1 - (i + random()) / BODY_CLASSES)
    const followers = median * Math.exp(sigma * normalQuantile(quantile))
    return { people: inBody / BODY_CLASSES, followers: Math.round(followers) }
  })
}

/** The normal distribution's quantile: Winitzki's approximation of erf, inverted (relative error below 2 in 1,000). */
function normalQuantile(probability: number): number {
  const A = 0.147
  const x = Math.min(1 - 1e-12, Math.max(-1 + 1e-12, 2 * probability - 1))
  const logarithm = Math.log(1 - x * x)
  const half = 2 / (Math.PI * A) + logarithm / 2
  return Math.SQRT2 * Math.sign(x) * Math.sqrt(Math.sqrt(half * half - logarithm / A) - half)
}

/** Everybody's followers: as many as everybody follows, all together. */
export const follows = (audiences: readonly Audience[]): number =>
  audiences.reduce((sum, { people, followers }) => sum + people * followers, 0)

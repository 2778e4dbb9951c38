/**
 * Names of indices: `tideline-posts-000001` behind the alias `tideline-posts`, which all requests use. While a new generation
 * is built, `tideline-posts-next` stands for it.
 */
export const KINDS = ['people', 'posts', 'hashtags'] as const
export type Kind = (typeof KINDS)[number]

export const GENERATIONS = ['current', 'next'] as const
export type Generation = (typeof GENERATIONS)[number]

export const aliasOf = (prefix: string, kind: Kind, generation: Generation): string =>
  generation === 'current' ? `${prefix}-${kind}` : `${prefix}-${kind}-next`

export const indexOf = (prefix: string, kind: Kind, number: number): string =>
  `${prefix}-${kind}-${String(number).padStart(6, '0')}`

/** The number in an index's name. */
export const numberOf = (index: string): number => Number(/-(\d{6,})$/.exec(index)?.[1] ?? 0)

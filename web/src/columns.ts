/** Columns of cards of different heights: each next card goes where there is most room, so the order reads from the top. */

export interface Place {
  column: number
  top: number
}

/**
 * Where cards go. A prefix of the cards always gets the same places, so that appending moves nothing.
 * @param heights in pixels, in the order of the cards
 */
export function placeInColumns(
  heights: readonly number[],
  columns: number,
  gap: number,
): { places: Place[]; height: number } {
  const ends = new Array<number>(Math.max(1, columns)).fill(0)
  const places = heights.map((height) => {
    const column = ends.indexOf(Math.min(...ends))
    const top = ends[column] ?? 0
    ends[column] = top + height + gap
    return { column, top }
  })
  return { places, height: Math.max(0, Math.max(...ends) - gap) }
}

/** How many columns of at least `least` pixels fit, up to `most`. */
export function columnsFor(width: number, least: number, gap: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor((width + gap) / (least + gap))))
}

const LEAST_WIDTH = 300
const MOST_COLUMNS = 3
const GAP = 24

/**
 * Keeps a container's children in columns, also when they or the window change. In one column the page's normal flow does.
 * The order in the document, which the keyboard and screen readers follow, stays that of the feed.
 */
export function keepInColumns(container: HTMLElement): { refresh(): void; close(): void } {
  let frame = 0
  const arrange = () => {
    frame = 0
    // Out of the document nothing has a size, and what was arranged is to be found again.
    if (!container.isConnected) return
    const cards = [...container.children] as HTMLElement[]
    const columns = columnsFor(container.clientWidth, LEAST_WIDTH, GAP, MOST_COLUMNS)
    container.classList.toggle('in-columns', columns > 1)
    if (columns === 1) {
      container.style.height = ''
      for (const card of cards) Object.assign(card.style, { width: '', translate: '' })
      return
    }
    const width = (container.clientWidth - GAP * (columns - 1)) / columns
    for (const card of cards) card.style.width = `${width}px`
    const { places, height } = placeInColumns(
      cards.map((card) => card.offsetHeight),
      columns,
      GAP,
    )
    places.forEach(({ column, top }, i) => {
      const card = cards[i]
      if (card !== undefined) card.style.translate = `${column * (width + GAP)}px ${top}px`
    })
    container.style.height = `${height}px`
  }
  const later = () => {
    frame ||= requestAnimationFrame(arrange)
  }
  const sizes = new ResizeObserver(later)
  const children = new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node instanceof HTMLElement) sizes.observe(node)
    }
    // Before the next paint: new cards never show at the wrong place.
    arrange()
  })
  sizes.observe(container)
  children.observe(container, { childList: true })
  return {
    refresh: arrange,
    close() {
      cancelAnimationFrame(frame)
      sizes.disconnect()
      children.disconnect()
    },
  }
}

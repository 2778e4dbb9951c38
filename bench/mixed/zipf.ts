/**
 * Draws places from 0 to n − 1, the first most often: the probability of place k is proportional to (k + 1)^−exponent
 * (Zipf 1949), by looking a uniform number up in the sums.
 */
export function zipf(n: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(n)
  let sum = 0
  for (let k = 0; k < n; k++) {
    sum += (k + 1) ** -exponent
    sums[k] = sum
  }
  return () => {
    const wanted = random() * sum
    let low = 0
    let high = n - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

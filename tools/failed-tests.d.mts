export function failedTestsFile(root: string): string

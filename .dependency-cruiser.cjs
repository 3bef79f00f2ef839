// `npm run check`: no file of the product imports itself by a detour, not by types either. Which floor may import which is eslint's.
module.exports = {
  forbidden: [{ name: 'no-circles', severity: 'error', comment: 'Give what both need a file of its own.', from: {}, to: { circular: true } }],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(node_modules|dist)/|\\.(test|contract|fixture)\\.tsx?$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
  },
}

// Lints an OpenAPI document: `place: rule: words` for each problem, and exit code 1 where there is one.
// Usage: NODE_PATH=build/npm/node_modules node tools/npm/lint.js docs/openapi.yaml
const { createConfig, lint } = require('@redocly/openapi-core');

const rules = {
  // A contract that leaves some of this out can still be read, but promises less than it should.
  'info-license': 'error',
  'no-ambiguous-paths': 'error',
  'no-identical-paths': 'error',
  'no-invalid-media-type-examples': 'error',
  'no-invalid-parameter-examples': 'error',
  'no-invalid-schema-examples': 'error',
  'no-required-schema-properties-undefined': 'error',
  'no-server-trailing-slash': 'off', // health is at the root
  'no-unused-components': 'error',
  'operation-2xx-response': 'error',
  'operation-4xx-response': 'error',
  'operation-description': 'off', // where the summary says all
  'operation-operationId': 'error',
  'operation-operationId-unique': 'error',
  'operation-operationId-url-safe': 'error',
  'operation-parameters-unique': 'error',
  'operation-singular-tag': 'error',
  'operation-summary': 'error',
  'operation-tag-defined': 'error',
  'path-declaration-must-exist': 'error',
  'path-parameters-defined': 'error',
  'request-mime-type': { severity: 'error', allowedValues: ['application/json', 'application/merge-patch+json', 'application/yaml'] },
  'response-mime-type': { severity: 'error', allowedValues: ['application/json', 'application/problem+json', 'application/yaml', 'text/plain', 'text/event-stream', 'application/openmetrics-text'] },
  'scalar-property-missing-example': 'off',
  'security-defined': 'error',
  'spec-components-invalid-map-name': 'error',
  'tag-description': 'error',
};

async function main(path) {
  const config = await createConfig({ extends: ['recommended-strict'], rules });
  const problems = await lint({ ref: path, config });
  for (const problem of problems) {
    const [place] = problem.location;
    console.log(`${place.pointer ?? ''}: ${problem.ruleId}: ${problem.message}`);
  }
  return problems.length ? 1 : 0;
}

main(process.argv[2]).then((code) => { process.exitCode = code; }, (error) => {
  console.error(error);
  process.exitCode = 2;
});

// An identity provider at which people sign in by their names, with the pages of its own for development. Settings come as JSON on the command
// line: issuer, port, keys (private JWKs), alg, client, redirect.
import { Provider } from "oidc-provider";

const { issuer, port, keys, alg, client, redirect } = JSON.parse(process.argv[2]);
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client,
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code"],
      response_types: ["code"],
      redirect_uris: [redirect],
      id_token_signed_response_alg: alg,
    },
  ],
  cookies: { keys: ["only-for-tests"] },
  jwks: { keys },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  ttl: { AuthorizationCode: 60, IdToken: 600, AccessToken: 600, Grant: 600, Interaction: 600, Session: 600 },
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));

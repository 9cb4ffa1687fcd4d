// An identity provider with one client, which gets signed access tokens for the resource "urn:meridian". Settings come as JSON on the
// command line: issuer, port, keys (private JWKs), alg, audience, seconds.
import { Provider } from "oidc-provider";

const { issuer, port, keys, alg, audience, seconds } = JSON.parse(process.argv[2]);
const resource = "urn:meridian";
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "build-robot",
      client_secret: "only-for-tests",
      grant_types: ["client_credentials"],
      id_token_signed_response_alg: alg,
      redirect_uris: [],
      response_types: [],
    },
  ],
  jwks: { keys },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "",
        audience,
        accessTokenTTL: seconds,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg } },
      }),
    },
  },
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));

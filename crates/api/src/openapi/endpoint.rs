//! Endpoints: the route of an operation together with its documentation, so that neither exists without the other.

use actix_web::{FromRequest, Handler, Responder, Route, guard, http::Method, web};
use mainstay_domain::account::Roles;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::{patch::MERGE_PATCH, problem::ProblemKind},
    openapi::schema::{Components, add, add_body},
};

pub use crate::{http::priority::Priority, openapi::tag::Tag};

/// Builds a schema, and adds the schemas that it refers to.
pub type SchemaOf = Box<dyn Fn(&mut Components) -> Value>;

/// Builds an example. It runs when the document is built, because a server that starts does not need it.
pub type ExampleOf = Box<dyn Fn() -> Value>;

/// A parameter of an operation.
pub struct Parameter {
    /// The name of the parameter.
    pub name: &'static str,
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// Whether a request must have it.
    pub required: bool,
    /// The description in the document.
    pub description: &'static str,
    /// The schema of its value.
    pub schema: Value,
    /// An example of its value.
    pub example: Value,
}

impl Parameter {
    /// Creates an optional query parameter.
    pub fn query(name: &'static str, description: &'static str, schema: Value, example: Value) -> Self {
        Self {
            name,
            place: "query",
            required: false,
            description,
            schema,
            example,
        }
    }
}

/// The request body of an operation.
pub struct RequestBody {
    /// The schema of the body.
    pub schema: SchemaOf,
    /// An example of the body.
    pub example: ExampleOf,
}

/// A successful response of an operation.
pub struct SuccessResponse {
    /// The status.
    pub status: u16,
    /// The description in the document.
    pub description: &'static str,
    /// The media type of the body, if there is one.
    pub media_type: Option<&'static str>,
    /// The schema of the body, if there is one.
    pub schema: Option<SchemaOf>,
    /// An example of the body.
    pub example: Option<ExampleOf>,
    /// Headers beside those of every response, such as `ETag` and `Location`.
    pub headers: Vec<&'static str>,
}

/// One operation: its route and its documentation.
///
/// ```
/// use actix_web::HttpResponse;
/// use mainstay_api::{
///     http::problem::{HandlerResult, ProblemKind},
///     openapi::endpoint::{self, Tag},
/// };
///
/// async fn ping() -> HandlerResult {
///     Ok(HttpResponse::NoContent().finish())
/// }
///
/// let endpoint = endpoint::get("/v1/ping", ping)
///     .public()
///     .operation(Tag::Operations, "ping", "Check the connection")
///     .about("Succeeds whenever the server can be reached.")
///     .gives_nothing(204, "The server can be reached.")
///     .problems(&[ProblemKind::Unavailable]);
/// assert_eq!(endpoint.id, "ping");
/// ```
pub struct Endpoint {
    /// The path, with a `{name}` for each variable segment.
    pub path: String,
    /// The HTTP method.
    pub method: Method,
    route: Route,
    /// The operation id, by which generated clients name the operation.
    pub id: String,
    /// The group of the operation.
    pub tag: Tag,
    /// What the operation does, in a few words.
    pub summary: String,
    /// Everything else that a client has to know.
    pub description: String,
    /// Whether the operation needs no sign-in.
    pub public: bool,
    /// Whether the document leaves the operation out.
    pub hidden: bool,
    /// The roles that may call the operation, if it needs sign-in.
    pub roles: Roles,
    /// How soon the operation is served when there is more to do than the server can do.
    pub priority: Priority,
    /// The parameters of the path, the query and the header.
    pub parameters: Vec<Parameter>,
    /// The request body.
    pub body: Option<RequestBody>,
    /// The successful responses.
    pub responses: Vec<SuccessResponse>,
    /// The problems of the operation, beside those that follow from its form.
    pub problems: Vec<ProblemKind>,
    /// Schemas that only parameters refer to.
    pub parameter_schemas: Vec<SchemaOf>,
}

impl Endpoint {
    fn new<F, Args>(method: Method, path: impl Into<String>, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        // HEAD is GET without the body (RFC 9110, section 9.3.2).
        let route = if method == Method::GET {
            web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            web::method(method.clone())
        };
        Self {
            path: path.into(),
            method,
            route: route.to(handler),
            id: String::new(),
            tag: Tag::Operations,
            summary: String::new(),
            description: String::new(),
            public: false,
            hidden: false,
            roles: Roles::OWN_RECORD,
            priority: Priority::Ordinary,
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
            problems: Vec::new(),
            parameter_schemas: Vec::new(),
        }
    }

    /// Sets the group, the operation id and the summary.
    #[must_use]
    pub fn operation(mut self, tag: Tag, id: impl Into<String>, summary: impl Into<String>) -> Self {
        self.tag = tag;
        self.id = id.into();
        self.summary = summary.into();
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn about(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Makes the operation available without sign-in.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Leaves the operation out of the document, and makes it available without sign-in.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self.public = true;
        self
    }

    /// Sets the roles that may call the operation. Without this they are those that own a record.
    #[must_use]
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = roles;
        self
    }

    /// Sets how soon the operation is served when there is more to do than the server can do.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Sets the request body by its type.
    #[must_use]
    pub fn takes<T: ToSchema>(self, example: impl Fn() -> Value + 'static) -> Self {
        self.takes_schema(Box::new(|components| add_body::<T>(components)), example)
    }

    /// Sets the request body by its schema.
    #[must_use]
    pub fn takes_schema(mut self, schema: SchemaOf, example: impl Fn() -> Value + 'static) -> Self {
        self.body = Some(RequestBody {
            schema,
            example: Box::new(example),
        });
        self
    }

    /// Adds a JSON response by the type of its body.
    #[must_use]
    pub fn gives<T: ToSchema>(
        self,
        status: u16,
        description: &'static str,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        self.gives_schema(
            status,
            description,
            Box::new(|components| add::<T>(components)),
            example,
        )
    }

    /// Adds a JSON response by the schema of its body.
    #[must_use]
    pub fn gives_schema(
        mut self,
        status: u16,
        description: &'static str,
        schema: SchemaOf,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        self.responses.push(SuccessResponse {
            status,
            description,
            media_type: Some("application/json"),
            schema: Some(schema),
            example: Some(Box::new(example)),
            headers: Vec::new(),
        });
        self
    }

    /// Adds a response of another media type than JSON.
    #[must_use]
    pub fn gives_media(
        mut self,
        status: u16,
        description: &'static str,
        media_type: &'static str,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        let schema: SchemaOf = Box::new(|_| serde_json::json!({ "type": "string", "maxLength": 1_000_000 }));
        self.responses.push(SuccessResponse {
            status,
            description,
            media_type: Some(media_type),
            schema: Some(schema),
            example: Some(Box::new(example)),
            headers: Vec::new(),
        });
        self
    }

    /// Adds a response without a body.
    #[must_use]
    pub fn gives_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.responses.push(SuccessResponse {
            status,
            description,
            media_type: None,
            schema: None,
            example: None,
            headers: Vec::new(),
        });
        self
    }

    /// Adds headers to the response that was added last.
    #[must_use]
    pub fn with_headers(mut self, headers: &[&'static str]) -> Self {
        if let Some(response) = self.responses.last_mut() {
            response.headers.extend_from_slice(headers);
        }
        self
    }

    /// Adds a schema that only parameters refer to.
    #[must_use]
    pub fn naming(mut self, schema: SchemaOf) -> Self {
        self.parameter_schemas.push(schema);
        self
    }

    /// Adds problems, beside those that follow from the form of the operation.
    #[must_use]
    pub fn problems(mut self, problems: &[ProblemKind]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// Whether the operation accepts an `Idempotency-Key`, so that a retry gets the response of the first request.
    pub fn takes_idempotency_key(&self) -> bool {
        self.method == Method::POST
    }

    /// The media type of the request body.
    pub fn body_media_type(&self) -> &'static str {
        if self.method == Method::PATCH {
            MERGE_PATCH
        } else {
            "application/json"
        }
    }

    /// Returns the route.
    pub fn into_route(self) -> Route {
        self.route
    }
}

/// What the endpoints of one path support, as a response to another method says it.
#[derive(Debug, Clone)]
pub struct Supported {
    /// The methods, for `Allow`.
    pub allow: String,
    /// The media type of a patch, for `Accept-Patch`; `None` if there is no `PATCH`.
    pub accept_patch: Option<&'static str>,
}

/// Returns what the endpoints of one path support.
pub fn supported(endpoints: &[Endpoint]) -> Supported {
    let mut methods: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        methods.push(endpoint.method.as_str());
        if endpoint.method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    Supported {
        allow: methods.join(", "),
        accept_patch: methods.contains(&"PATCH").then_some(MERGE_PATCH),
    }
}

/// Declares a function for each HTTP method.
macro_rules! methods {
    ($($name:ident $method:ident $doc:literal;)*) => {
        $(#[doc = $doc]
        pub fn $name<F, Args>(path: impl Into<String>, handler: F) -> Endpoint
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Endpoint::new(Method::$method, path, handler)
        })*
    };
}

methods! {
    get GET "Creates an endpoint that reads.";
    post POST "Creates an endpoint that creates a resource or performs an action.";
    put PUT "Creates an endpoint that replaces a resource.";
    patch PATCH "Creates an endpoint that changes members of a resource.";
    delete DELETE "Creates an endpoint that deletes a resource.";
}

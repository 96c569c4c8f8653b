//! [pure] Which handler a request is for: method and path pattern.
//!
//! A pattern is a path whose pieces in braces stand for any one piece: `/streams/{stream}/kick`.

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Looks, and changes nothing. HEAD is answered too.
    Get,
    /// Changes something, so it is not taken from other sites' pages.
    Post,
}

impl Method {
    /// `GET` or `POST`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Routes with their handlers, in the order in which they were added; as many as the code adds.
#[derive(Debug)]
pub(crate) struct Routes<H>(Vec<Route<H>>);

#[derive(Debug)]
struct Route<H> {
    method: Method,
    pattern: &'static str,
    handler: H,
}

/// What was put in a pattern's braces: name and value, as many as the pattern has.
pub(crate) type Parameters = Vec<(&'static str, String)>;

/// What there is for a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, H> {
    /// This handler.
    Handler(&'a H, Parameters),
    /// Only other methods, as `Allow` names them.
    OtherMethods(String),
    /// Nothing.
    Nothing,
}

impl<H> Routes<H> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Of two routes that fit the same request, the first added is taken.
    pub(crate) fn add(&mut self, method: Method, pattern: &'static str, handler: H) {
        self.0.push(Route {
            method,
            pattern,
            handler,
        });
    }

    /// Every route, as added.
    pub(crate) fn list(&self) -> impl Iterator<Item = (Method, &'static str)> {
        self.0.iter().map(|route| (route.method, route.pattern))
    }

    /// `method` is none for one that no route has.
    pub(crate) fn find(&self, method: Option<Method>, path: &str) -> Found<'_, H> {
        let mut others = Vec::new();
        for route in &self.0 {
            let Some(parameters) = parameters(route.pattern, path) else {
                continue;
            };
            if Some(route.method) == method {
                return Found::Handler(&route.handler, parameters);
            }
            others.push(route.method);
        }
        if others.is_empty() {
            return Found::Nothing;
        }
        others.sort_unstable();
        others.dedup();
        let names = others.into_iter().map(|method| match method {
            Method::Get => "GET, HEAD",
            Method::Post => "POST",
        });
        Found::OtherMethods(names.collect::<Vec<_>>().join(", "))
    }
}

fn parameters(pattern: &'static str, path: &str) -> Option<Parameters> {
    let mut found = Parameters::new();
    let mut pieces = path.split('/');
    for wanted in pattern.split('/') {
        let piece = pieces.next()?;
        let name = wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
        match name {
            Some(name) if !piece.is_empty() => found.push((name, piece.to_owned())),
            None if piece == wanted => {}
            Some(_) | None => return None,
        }
    }
    pieces.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes<u8> {
        let mut routes = Routes::new();
        routes.add(Method::Get, "/status", 1);
        routes.add(Method::Post, "/streams/{stream}/kick", 2);
        routes.add(Method::Post, "/streams/{stream}/outputs/{output}/stop", 3);
        routes.add(Method::Get, "/both", 4);
        routes.add(Method::Post, "/both", 5);
        routes
    }

    #[test]
    fn a_path_leads_to_its_handler_with_what_stands_in_braces() {
        let routes = routes();
        let stage = ("stream", "stage".to_owned());
        let youtube = ("output", "youtube".to_owned());
        for (method, path, handler, parameters) in [
            (Method::Get, "/status", 1, vec![]),
            (Method::Post, "/streams/stage/kick", 2, vec![stage.clone()]),
            (
                Method::Post,
                "/streams/stage/outputs/youtube/stop",
                3,
                vec![stage, youtube],
            ),
            (Method::Get, "/both", 4, vec![]),
            (Method::Post, "/both", 5, vec![]),
        ] {
            let found = routes.find(Some(method), path);
            assert_eq!(found, Found::Handler(&handler, parameters), "{path}");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are() {
        let routes = routes();
        let others = |allow: &str| Found::OtherMethods(allow.to_owned());
        let find = |method, path| routes.find(method, path);
        assert_eq!(find(Some(Method::Post), "/status"), others("GET, HEAD"));
        assert_eq!(find(Some(Method::Get), "/streams/a/kick"), others("POST"));
        assert_eq!(find(None, "/both"), others("GET, HEAD, POST"));
    }

    #[test]
    fn what_is_nearly_a_route_is_none() {
        let routes = routes();
        for path in [
            "",
            "/",
            "*",
            "status",
            "/status/",
            "//status",
            "/streams//kick",
            "/streams/kick",
            "/streams/a/b/kick",
            "/streams/a/kick/",
        ] {
            assert_eq!(
                routes.find(Some(Method::Post), path),
                Found::Nothing,
                "{path}"
            );
        }
    }
}
